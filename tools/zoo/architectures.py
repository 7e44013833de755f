"""Two architectures of our own in PyTorch: U-Net and a one-stage detector with decoded boxes."""

import torch
from torch import nn
from torch.nn import functional


def conv_bn(c_in, c_out, kernel=3, stride=1, activation=nn.SiLU):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
        activation(),
    )


class UNet(nn.Module):
    """Four levels; up by transposed convolution; odd sizes are padded before the skip is joined."""

    def __init__(self, widths=(32, 64, 128, 256), classes=4):
        super().__init__()
        double = lambda a, b: nn.Sequential(
            conv_bn(a, b, activation=nn.ReLU), conv_bn(b, b, activation=nn.ReLU)
        )
        self.down = nn.ModuleList(double(a, b) for a, b in zip((3, *widths), widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(widths[:-1], widths[1:])
        )
        self.join = nn.ModuleList(double(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for k, block in enumerate(self.down):
            x = block(x if k == 0 else functional.max_pool2d(x, 2))
            skips.append(x)
        for k in reversed(range(len(self.up))):
            x = self.up[k](x)
            dy, dx = skips[k].shape[2] - x.shape[2], skips[k].shape[3] - x.shape[3]
            x = functional.pad(x, [0, dx, 0, dy])
            x = self.join[k](torch.cat([skips[k], x], dim=1))
        return self.head(x)


class SplitBlock(nn.Module):
    """Half of the channels pass through residual bottlenecks; every stage's result is kept."""

    def __init__(self, c_in, c_out, repeats, shortcut):
        super().__init__()
        self.width = c_out // 2
        self.shortcut = shortcut
        self.first = conv_bn(c_in, 2 * self.width, 1)
        self.inner = nn.ModuleList(
            nn.Sequential(conv_bn(self.width, self.width), conv_bn(self.width, self.width))
            for _ in range(repeats)
        )
        self.last = conv_bn((2 + repeats) * self.width, c_out, 1)

    def forward(self, x):
        parts = list(self.first(x).split(self.width, dim=1))
        for block in self.inner:
            y = block(parts[-1])
            parts.append(parts[-1] + y if self.shortcut else y)
        return self.last(torch.cat(parts, dim=1))


class PyramidPooling(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.reduce = conv_bn(width, width // 2, 1)
        self.join = conv_bn(2 * width, width, 1)

    def forward(self, x):
        parts = [self.reduce(x)]
        for _ in range(3):
            parts.append(functional.max_pool2d(parts[-1], 5, 1, 2))
        return self.join(torch.cat(parts, dim=1))


class Detector(nn.Module):
    """Backbone, feature pyramid up and down, decoupled heads; box sides are expectations over bins.
    Output: [batch, 4 + classes, anchors], boxes as centre and size in pixels, scores from 0 to 1."""

    def __init__(self, widths=(16, 32, 64, 128, 256), classes=20, bins=16, strides=(8, 16, 32)):
        super().__init__()
        self.classes, self.bins, self.strides = classes, bins, strides
        w1, w2, w3, w4, w5 = widths
        self.stem = nn.Sequential(
            conv_bn(3, w1, 3, 2), conv_bn(w1, w2, 3, 2), SplitBlock(w2, w2, 1, True)
        )
        self.stage3 = nn.Sequential(conv_bn(w2, w3, 3, 2), SplitBlock(w3, w3, 2, True))
        self.stage4 = nn.Sequential(conv_bn(w3, w4, 3, 2), SplitBlock(w4, w4, 2, True))
        self.stage5 = nn.Sequential(
            conv_bn(w4, w5, 3, 2), SplitBlock(w5, w5, 1, True), PyramidPooling(w5)
        )
        self.up4 = SplitBlock(w5 + w4, w4, 1, False)
        self.up3 = SplitBlock(w4 + w3, w3, 1, False)
        self.down3, self.join4 = conv_bn(w3, w3, 3, 2), SplitBlock(w3 + w4, w4, 1, False)
        self.down4, self.join5 = conv_bn(w4, w4, 3, 2), SplitBlock(w4 + w5, w5, 1, False)
        head = lambda w, out: nn.Sequential(
            conv_bn(w, 64), conv_bn(64, 64), nn.Conv2d(64, out, 1)
        )
        self.boxes = nn.ModuleList(head(w, 4 * bins) for w in (w3, w4, w5))
        self.scores = nn.ModuleList(head(w, classes) for w in (w3, w4, w5))

    def features(self, x):
        p3 = self.stage3(self.stem(x))
        p4 = self.stage4(p3)
        p5 = self.stage5(p4)
        up = lambda t: functional.interpolate(t, scale_factor=2.0, mode="nearest")
        n4 = self.up4(torch.cat([up(p5), p4], dim=1))
        n3 = self.up3(torch.cat([up(n4), p3], dim=1))
        n4 = self.join4(torch.cat([self.down3(n3), n4], dim=1))
        return n3, n4, self.join5(torch.cat([self.down4(n4), p5], dim=1))

    def forward(self, x):
        maps = self.features(x)
        batch = x.shape[0]
        boxes = torch.cat([h(f).flatten(2) for h, f in zip(self.boxes, maps)], dim=2)
        scores = torch.cat([h(f).flatten(2) for h, f in zip(self.scores, maps)], dim=2)
        centres, scales = [], []
        for stride, f in zip(self.strides, maps):
            h, w = f.shape[2], f.shape[3]
            ys, xs = torch.arange(h) + 0.5, torch.arange(w) + 0.5
            grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
            centres.append(torch.stack([grid_x, grid_y]).flatten(1))
            scales.append(torch.full((1, h * w), float(stride)))
        centre, scale = torch.cat(centres, dim=1)[None], torch.cat(scales, dim=1)[None]
        chances = boxes.reshape(batch, 4, self.bins, -1).softmax(dim=2)
        steps = torch.arange(self.bins, dtype=torch.float32).reshape(1, 1, -1, 1)
        sides = (chances * steps).sum(dim=2)
        low, high = centre - sides[:, :2], centre + sides[:, 2:]
        found = torch.cat([(low + high) / 2, high - low], dim=1) * scale
        return torch.cat([found, scores.sigmoid()], dim=1)

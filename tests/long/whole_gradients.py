"""whole_gradients.py [MODEL...]: gradients of whole models against torch.autograd, and with one thread more
the same bits. Runs under .venv-zoo (tests/long/README.md)."""

import sys
import tempfile
import time
import warnings
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "build" / "python"), str(ROOT / "tools")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional  # noqa: E402
from zoo import exported, store  # noqa: E402

import smeaton  # noqa: E402

# Relative to the parameter's gradient, or to a thousandth of the largest one: where a bias stands before a
# normalisation the gradient is zero and what is left are roundings.
TOLERANCE, FLOOR = 1e-3, 1e-3

# make: () -> module; inputs: (rng) -> {name: array}; loss: cross-entropy or mse; classes of the target.
Trial = namedtuple("Trial", "make inputs loss classes", defaults=("cross-entropy", 1000))


def _transformer(model_class, config_class, inputs, **config):
    off = {
        "BertConfig": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
        "GPT2Config": ("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    }[config_class]
    make = exported._transformer(
        model_class, config_class, inputs, **dict.fromkeys(off, 0.0), **config
    )

    def with_torchvision():
        exported._torchvision()  # transformers imports it, and fails where its operators are missing
        return make()

    return with_torchvision


def _small_convnext():
    torchvision = exported._torchvision()
    from torchvision.models.convnext import CNBlockConfig

    settings = [CNBlockConfig(24, 48, 2), CNBlockConfig(48, 96, 2), CNBlockConfig(96, None, 2)]
    return torchvision.models.ConvNeXt(settings, stochastic_depth_prob=0.0, num_classes=10)


def _small_vit():
    torchvision = exported._torchvision()
    return torchvision.models.VisionTransformer(
        image_size=64, patch_size=8, num_layers=2, num_heads=4, hidden_dim=128, mlp_dim=256
    )


def _mobilenet():
    module = exported._vision("mobilenet_v2")()
    module.classifier[0].p = 0.0
    return module


def _images(batch, size):
    return lambda rng: {"image": rng.standard_normal((batch, 3, size, size), dtype=np.float32)}


def _tokens(batch, vocabulary, length):
    def inputs(rng):
        mask = np.ones((batch, length), np.int64)
        mask[:, -length // 8 :] = 0
        ids = rng.integers(0, vocabulary, (batch, length), dtype=np.int64)
        return {"input_ids": ids, "attention_mask": mask}

    return inputs


_TEXT = ("input_ids", "attention_mask")
TRIALS = {
    "resnet18": Trial(exported._vision("resnet18"), _images(4, 64)),
    "mobilenet_v2": Trial(_mobilenet, _images(4, 64)),
    "bert_2": Trial(
        _transformer("BertModel", "BertConfig", _TEXT, num_hidden_layers=2),
        _tokens(2, 30522, 32),
        "mse",
    ),
    "gpt2_2": Trial(
        _transformer("GPT2LMHeadModel", "GPT2Config", _TEXT, n_layer=2, vocab_size=5000),
        _tokens(2, 5000, 32),
        "cross-entropy",
        5000,
    ),
    "vit_2": Trial(_small_vit, _images(2, 64)),
    "unet": Trial(exported._own("UNet"), _images(1, 92), "mse"),
    "convnext": Trial(_small_convnext, _images(2, 64), "cross-entropy", 10),
}


def export(module, feeds, path):
    """As an inference graph, but with every parameter under its own name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(torch.from_numpy(value) for value in feeds.values()),
            str(path),
            dynamo=False,
            input_names=list(feeds),
            output_names=["output"],
            opset_version=17,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )


def expected(module, feeds, target, loss):
    module.train()
    module.zero_grad()
    output = module(*(torch.from_numpy(value) for value in feeds.values()))
    wanted = torch.from_numpy(target)
    if loss == "mse":
        value = functional.mse_loss(output, wanted)
    else:
        classes = output.movedim(-1, 1) if output.dim() == 3 else output
        value = functional.cross_entropy(classes, wanted)
    value.backward()
    return value.item(), {
        name: p.grad.numpy() for name, p in module.named_parameters() if p.grad is not None
    }


def worst_of(got, wanted):
    largest = max(float(np.linalg.norm(g)) for g in wanted.values())
    worst = (0.0, "")
    for name, gradient in wanted.items():
        scale = max(float(np.linalg.norm(gradient)), FLOOR * largest)
        worst = max(worst, (float(np.linalg.norm(got[name] - gradient)) / scale, name))
    return worst


def prepare(name, trial, folder):
    """The model's file, feeds with a target, and the module that it came from."""
    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)
    module = trial.make().eval()
    rng = store.rng_for("gradients/" + name)
    feeds = trial.inputs(rng)
    with torch.no_grad():
        exported._randomise(module)
        output = module(*(torch.from_numpy(value) for value in feeds.values()))
    shape = tuple(output.shape)
    if trial.loss == "mse":
        target = rng.standard_normal(shape, dtype=np.float32)
    else:
        target = rng.integers(0, trial.classes, shape[:1] if len(shape) == 2 else shape[:2])
    path = folder / f"{name}.onnx"
    export(module, feeds, path)
    return path, {**feeds, "target": target}, module


def run(name, trial, folder):
    path, feeds, module = prepare(name, trial, folder)
    target = feeds["target"]
    inputs = {key: value for key, value in feeds.items() if key != "target"}
    loss, wanted = expected(module, inputs, target, trial.loss)
    begin = time.perf_counter()
    trainer = smeaton.Trainer(path, loss=trial.loss, threads=1)
    got_loss, got = trainer._gradients(feeds)
    took = time.perf_counter() - begin
    missing = sorted(set(wanted) - set(got))
    worst = worst_of(got, {k: v for k, v in wanted.items() if k in got})
    two = smeaton.Trainer(path, loss=trial.loss, threads=2).gradients(feeds)
    same = all(got[k].tobytes() == two[k].tobytes() for k in got)
    right = not missing and worst[0] <= TOLERANCE and same and abs(got_loss - loss) <= 1e-4 * abs(loss)
    print(
        f"{name}: loss {got_loss:.6f} ({loss:.6f}), {len(wanted)} gradients, worst {worst[0]:.1e} "
        f"({worst[1]}), {'same bits' if same else 'OTHER BITS'} with 2 threads, {took:.0f} s"
        + (f", missing {missing[:5]}" if missing else "")
        + ("" if right else "  WRONG"),
        flush=True,
    )
    return right


def main():
    names = sys.argv[1:] or list(TRIALS)
    with tempfile.TemporaryDirectory() as folder:
        wrong = [name for name in names if not run(name, TRIALS[name], Path(folder))]
    if wrong:
        sys.exit(f"wrong: {', '.join(wrong)}")


if __name__ == "__main__":
    main()

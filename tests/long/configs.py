"""Graphs made from a config.json against those that PyTorch exports of the same small models.

    .venv-zoo/bin/python tests/long/configs.py [--only NAME,...] [--dynamo]

For each kind of model a small one is made by transformers, exported with a fixed batch and number of tokens, and its
config saved; `inspect` must count the same parameters (what the exporter keeps apart or drops is allowed for: 1 %) and
the same work (1 %) in both. Keys and values are compared with the cache that transformers itself fills. Experts are
traced by no exporter: their models are compared with a loop over experts whose loads are equal. Exit code 1 where
something differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import torch  # noqa: E402
from zoo.exported import _torchvision  # noqa: E402

_torchvision()
import transformers  # noqa: E402

SMEATON = os.environ.get("SMEATON", str(ROOT / "build/smeaton"))
BATCH, PROMPT = 2, 32

_LLAMA = {
    "hidden_size": 64,
    "intermediate_size": 176,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "max_position_embeddings": 128,
}
_MLA = {
    **_LLAMA,
    "num_key_value_heads": 4,
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
    "first_k_dense_replace": 2,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "moe_intermediate_size": 32,
}
_BERT = {
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 512,
}
_GPT2 = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128, "vocab_size": 512}
_NEOX = {k: v for k, v in _LLAMA.items() if k != "num_key_value_heads"}
_T5 = {"d_model": 64, "d_kv": 16, "d_ff": 176, "num_layers": 2, "num_heads": 4, "vocab_size": 512}
_VIT = {k: v for k, v in _BERT.items() if k != "vocab_size"}
_WHISPER = {
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 256,
    "decoder_ffn_dim": 256,
    "max_source_positions": 64,
    "max_target_positions": 64,
    "vocab_size": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}

# name -> (class, config class, settings, inputs)
MODELS = {
    "llama": ("LlamaForCausalLM", "LlamaConfig", _LLAMA, ["input_ids", "attention_mask"]),
    "llama_tied": (
        "LlamaForCausalLM",
        "LlamaConfig",
        {**_LLAMA, "tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True},
        ["input_ids", "attention_mask"],
    ),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", _LLAMA, ["input_ids", "attention_mask"]),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {**_LLAMA, "head_dim": 32}, ["input_ids", "attention_mask"]),
    "mistral": ("MistralForCausalLM", "MistralConfig", {**_LLAMA, "sliding_window": 16}, ["input_ids", "attention_mask"]),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", _GPT2, ["input_ids", "attention_mask"]),
    "gpt_neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", _NEOX, ["input_ids", "attention_mask"]),
    "gptj": ("GPTJForCausalLM", "GPTJConfig", {**_GPT2, "rotary_dim": 8}, ["input_ids", "attention_mask"]),
    "deepseek_v3": ("DeepseekV3ForCausalLM", "DeepseekV3Config", _MLA, ["input_ids", "attention_mask"]),
    "bert": ("BertModel", "BertConfig", _BERT, ["input_ids", "attention_mask", "token_type_ids"]),
    "bert_words": ("BertForMaskedLM", "BertConfig", _BERT, ["input_ids", "attention_mask", "token_type_ids"]),
    "t5": ("T5ForConditionalGeneration", "T5Config", _T5, ["input_ids", "attention_mask", "decoder_input_ids"]),
    "t5_gated": (
        "T5ForConditionalGeneration",
        "T5Config",
        {**_T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        ["input_ids", "attention_mask", "decoder_input_ids"],
    ),
    "vit": ("ViTForImageClassification", "ViTConfig", {**_VIT, "image_size": 64, "num_labels": 10}, ["pixel_values"]),
    "vit_pooled": ("ViTModel", "ViTConfig", {**_VIT, "image_size": 64}, ["pixel_values"]),
    "whisper": ("WhisperForConditionalGeneration", "WhisperConfig", _WHISPER, ["input_features", "decoder_input_ids", "decoder_attention_mask"]),
}
# Kinds whose experts no exporter follows; settings beside those of Llama.
EXPERTS = {
    "mixtral": ("MixtralForCausalLM", "MixtralConfig", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen2_moe": (
        "Qwen2MoeForCausalLM",
        "Qwen2MoeConfig",
        {
            "num_experts": 8,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 96,
            "shared_expert_intermediate_size": 160,
        },
    ),
    "qwen3_moe": (
        "Qwen3MoeForCausalLM",
        "Qwen3MoeConfig",
        {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 96, "head_dim": 32},
    ),
    "gpt_oss": (
        "GptOssForCausalLM",
        "GptOssConfig",
        {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 32, "sliding_window": 16},
    ),
    "minimax_m2": (
        "MiniMaxM2ForCausalLM",
        "MiniMaxM2Config",
        {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 32, "rotary_dim": 16},
    ),
    "deepseek_v2": ("DeepseekV2ForCausalLM", "DeepseekV2Config", {**_MLA, "first_k_dense_replace": 1}),
    "deepseek_v3_experts": (
        "DeepseekV3ForCausalLM",
        "DeepseekV3Config",
        {**_MLA, "first_k_dense_replace": 1, "n_shared_experts": 1},
    ),
}


def feeds(config, names):
    ids = torch.ones((BATCH, PROMPT), dtype=torch.int64)
    size = getattr(config, "image_size", 0)
    mels = getattr(config, "num_mel_bins", 0)
    length = 2 * getattr(config, "max_source_positions", 0)
    values = {
        "pixel_values": torch.ones((BATCH, 3, size, size)),
        "input_features": torch.ones((BATCH, mels, length)),
    }
    return [values.get(name, ids) for name in names]


class First(torch.nn.Module):
    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *values):
        given = dict(zip(self.names, values))
        results = self.model(**given, return_dict=False)
        pooled = type(self.model).__name__ in ("BertModel", "ViTModel")
        return results[:2] if pooled else results[0]


def inspect(path, *options):
    done = subprocess.run([SMEATON, "inspect", str(path), "--json", *options], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{path}: {done.stderr}")
    return json.loads(done.stdout)


def made(model_class, config_class, settings, folder):
    """The model of random weights, its config in the folder."""
    config = getattr(transformers, config_class)(use_cache=False, architectures=[model_class], **settings)
    config.save_pretrained(folder)
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = getattr(transformers, model_class)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # the exporter writes equal ones once
            parameter.normal_(std=0.02)
    return model, config


def parameters_of(model):
    """A tied weight counts once; a bias that steers the choice of experts is a buffer."""
    steering = sum(b.numel() for name, b in model.named_buffers() if name.endswith("e_score_correction_bias"))
    return sum(p.numel() for p in model.parameters()) + steering


def export(model, config, names, folder, dynamo):
    path = Path(folder) / "model.onnx"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = tuple(feeds(config, names))
        common = {"input_names": names, "dynamo": dynamo}
        if dynamo:
            torch.onnx.export(First(model, names), arguments, str(path), verbose=False, **common)
        else:
            torch.onnx.export(First(model, names), arguments, str(path), opset_version=17, **common)
    return path


def kept_bytes(model, config):
    """Of keys and values a token, 16 bits each, as the model's own cache holds them."""
    if not getattr(config, "vocab_size", 0) or config.model_type in ("bert", "vit"):
        return 0
    config.use_cache = True
    ids = torch.ones((1, 2), dtype=torch.int64)
    given = {"input_ids": ids}
    if config.model_type == "t5":
        given["decoder_input_ids"] = ids
    if config.model_type == "whisper":
        given = {"input_features": feeds(config, ["input_features"])[0][:1], "decoder_input_ids": ids}
    with torch.no_grad():
        cache = model(**given, use_cache=True).past_key_values
    cache = getattr(cache, "self_attention_cache", cache)
    elements = 0
    for layer in cache.layers:
        elements += layer.keys.numel() + layer.values.numel()
    config.use_cache = False
    return elements // 2 * 2


def width_of(config):
    return getattr(config, "hidden_size", 0) or config.d_model


def latent_bytes(config):
    """DeepSeek keeps latents; transformers' own cache holds what they expand to."""
    return config.num_hidden_layers * (config.kv_lora_rank + config.qk_rope_head_dim) * 2


def differences(name, dynamo):
    model_class, config_class, settings, names = MODELS[name]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        model, config = made(model_class, config_class, settings, folder)
        path = export(model, config, names, folder, dynamo)
        ours = inspect(Path(folder) / "config.json", "--batch", str(BATCH), "--prompt", str(PROMPT))
        theirs = inspect(path)
        parameters = parameters_of(model)
        if ours["parameters"] != parameters:
            found.append(f"{ours['parameters']} parameters, {parameters} in PyTorch")
        # Masks and scalars that the exporter writes as nodes are no weights; a tied table it writes twice.
        held = theirs["parameters"] - sum(
            node["written_bytes"] // 4
            for node in theirs["nodes"]
            if node["op"] == "Constant" and node["output"].startswith("f32")
        )
        table = getattr(config, "vocab_size", 0) * width_of(config) if getattr(config, "tie_word_embeddings", False) else 0
        # The other exporter folds what fixed positions pick from tables.
        if not dynamo and all(abs(held - p) > 0.01 * parameters for p in (parameters, parameters + table)):
            found.append(f"{held} parameters in the exported file")
        work = ours["flops"] / theirs["flops"] - 1
        if abs(work) > 0.01:
            found.append(f"{ours['flops']} operations, {theirs['flops']} in the exported file")
        latent = config.model_type.startswith("deepseek")
        kept = latent_bytes(config) if latent else kept_bytes(model, config)
        if ours["kv_bytes_per_token"] != kept:
            found.append(f"{ours['kv_bytes_per_token']} bytes kept a token, {kept} in PyTorch")
    return found, work


def expert_differences(name):
    """Parameters as PyTorch counts them; the work of matrices by hooks on every product that runs."""
    model_class, config_class, settings = EXPERTS[name]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        model, config = made(model_class, config_class, {**_LLAMA, **settings}, folder)
        ours = inspect(Path(folder) / "config.json", "--batch", str(BATCH), "--prompt", str(PROMPT))
        parameters = parameters_of(model)
        if ours["parameters"] != parameters:
            found.append(f"{ours['parameters']} parameters, {parameters} in PyTorch")
        from torch.utils.flop_counter import FlopCounterMode

        config._experts_implementation = "eager"
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(*feeds(config, ["input_ids"]))
        matrices = sum(
            node["flops"] for node in ours["nodes"] if node["op"] == "MatMul" and "rotary" not in node["node"]
        )
        work = matrices / counter.get_total_flops() - 1
        if abs(work) > 0.01:
            found.append(f"{matrices} operations in matrices, {counter.get_total_flops()} in PyTorch")
    return found, work


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--dynamo", action="store_true")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else [*MODELS, *EXPERTS]
    bad = 0
    for name in wanted:
        found, work = differences(name, arguments.dynamo) if name in MODELS else expert_differences(name)
        bad += bool(found)
        print(f"{name:20} work {100 * work:+.3f} %  {'; '.join(found) or 'equal'}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Models from a Hugging Face config.json: counted, priced, cut into layers; refused where they must be."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import ROOT, smeaton  # noqa: E402

CHIP = str(ROOT / "machines/tpu-like.yaml")

LLAMA_3_8B = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "rope_theta": 500000.0,
    "torch_dtype": "bfloat16",
}
SMALL = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 176,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 256,
    "max_position_embeddings": 128,
}
EXPERTS = {
    **SMALL,
    "model_type": "mixtral",
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
}
SPEECH = {
    "model_type": "whisper",
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "num_mel_bins": 16,
    "max_source_positions": 32,
    "max_target_positions": 32,
    "vocab_size": 256,
}


def config(folder, settings, **more):
    path = folder / "config.json"
    path.write_text(json.dumps({**settings, **more}))
    return str(path)


def json_of(*arguments):
    ended = smeaton(*arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def refusal(*arguments):
    ended = smeaton(*arguments)
    assert ended.code == 1 and ended.out == "", ended.out
    assert len(ended.err.strip().splitlines()) == 1
    return ended.err


def test_inspect_counts_a_model_of_eight_billion(tmp_path):
    path = config(tmp_path, LLAMA_3_8B)
    counted = json_of("inspect", path, "--batch", 1, "--prompt", 512)
    assert counted["parameters"] == counted["active_parameters"] == 8_030_261_248
    assert counted["kv_bytes_per_token"] == 131_072
    matrices = sum(n["flops"] for n in counted["nodes"] if n["op"] == "MatMul")
    # Twice the matrices without the embedding's table, and 4 h of each layer and pair of tokens.
    assert matrices == 2 * 512 * (8_030_261_248 - 128256 * 4096 - 65 * 4096) + 4 * 32 * 4096 * 512**2
    assert matrices < counted["flops"] < 1.01 * matrices
    open_sizes = json_of("inspect", path)
    assert "sequence" in open_sizes["flops"] and open_sizes["parameters"] == 8_030_261_248


@pytest.mark.parametrize("settings", [SMALL, EXPERTS, SPEECH], ids=["llama", "mixtral", "whisper"])
def test_a_small_model_is_priced_on_a_chip(tmp_path, settings):
    path = config(tmp_path, settings)
    words = "decoder_sequence" if settings is SPEECH else "sequence"
    sizes = ["--dim", "batch=2", "--dim", f"{words}=16", "--machine", CHIP]
    forward = json_of("simulate", path, *sizes)
    step = json_of("simulate", path, *sizes, "--training")
    assert 2 * forward["flops"] < step["flops"] < 4 * forward["flops"]
    assert 0 < forward["time_ms"] < step["time_ms"]


def test_layers_of_a_config_and_of_a_training_step_do_the_same_work(tmp_path):
    path = config(tmp_path, SMALL)
    layers = json_of("inspect", path, "--batch", 2, "--prompt", 16, "--layers")["layers"]
    assert len({row["kind"] for row in layers[1:3]}) == 1
    work = sum(row["forward_flops"] + row["data_flops"] + row["weight_flops"] for row in layers)
    sizes = ["--dim", "batch=2", "--dim", "sequence=16", "--machine", CHIP]
    step = json_of("simulate", path, *sizes, "--training")
    assert step["flops"] == pytest.approx(work, rel=0.1)  # the update, fused kernels' own count


def test_what_needs_weights_says_so(tmp_path):
    path = config(tmp_path, SMALL)
    sizes = ["--dim", "batch=1", "--dim", "sequence=4"]
    for verb in (["run", path, *sizes], ["emit", path, "--as", "pytorch", "--output-dir", str(tmp_path / "out"), *sizes]):
        assert "weights" in refusal(*verb)
    assert not (tmp_path / "out").exists()


def test_bad_configs_are_one_clear_message(tmp_path):
    def said(settings, **more):
        return refusal("inspect", config(tmp_path, settings, **more))

    assert "'model_type' is \"mamba9\"" in said(SMALL, model_type="mamba9")
    assert "LlamaForNothing" in said(SMALL, architectures=["LlamaForNothing"])
    assert "'num_hidden_layers' is -2" in said(SMALL, num_hidden_layers=-2)
    assert "'engram_layers' is 3" in said(SMALL, engram_layers=3)
    assert "'hidden_act' is \"zigzag\"" in said(SMALL, hidden_act="zigzag")
    (tmp_path / "config.json").write_text("{")
    assert "config.json" in refusal("inspect", str(tmp_path / "config.json"))
    assert "missing.json" in refusal("inspect", str(tmp_path / "missing.json"))
    assert "--dim" in refusal("simulate", config(tmp_path, SMALL), "--machine", CHIP)

#!/usr/bin/env python3
"""PHAZE at length: 300 layers by the integer program against the exact search; LLaMA-2-7B over the whole space, killed
once and gone on from its log, to gap 0.

    tests/long/phaze.py [SECONDS BEFORE THE KILL]
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 11008}
LLAMA |= {"num_attention_heads": 32, "num_key_value_heads": 32, "num_hidden_layers": 32, "vocab_size": 32000}
LLAMA |= {"max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": False}


def layers():
    command = ["build/search_phaze_test", "--gtest_filter=*IntegerProgram*"]
    if subprocess.run(command, cwd=ROOT, env=os.environ | {"SMEATON_LONG": "1"}).returncode != 0:
        sys.exit("phaze.py: the integer program is off")


def search(folder, seconds):
    (folder / "config.json").write_text(json.dumps(LLAMA))
    command = [ROOT / "build" / "smeaton", "search", folder / "config.json", "--model", "phaze", "--log", folder / "log.db", "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as first:
        try:
            first.wait(seconds)
        except subprocess.TimeoutExpired:
            first.kill()
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    found = json.loads(ended.stdout)
    print({key: found[key] for key in ("space", "evaluated", "from_log", "pruned", "proven", "gap", "seconds")})
    print(found["best"]["chip"], found["best"]["throughput"], "missed", found["stop_rule"]["missed"])
    if not found["proven"] or found["gap"] != 0 or found["evaluated"] + found["pruned"] != found["space"]:
        sys.exit("phaze.py: the space is not closed")


def main():
    subprocess.run(["cmake", "--build", "build", "--target", "search_phaze_test", "smeaton"], cwd=ROOT, check=True)
    layers()
    with tempfile.TemporaryDirectory() as folder:
        search(Path(folder), float(sys.argv[1]) if len(sys.argv) > 1 else 20)


if __name__ == "__main__":
    main()

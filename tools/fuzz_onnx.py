#!/usr/bin/env python3
"""Fuzzes the ONNX reader under address and undefined-behaviour sanitizers.

Builds the `fuzz` preset's onnx_fuzz, seeds it with the small models of the onnx package's test data and some
written here, and runs it. Exit code 0: every mutated file was read or refused with a message, within 5 s and
2 GB. A finding is left in build-fuzz/crashes/.

    .venv/bin/python tools/fuzz_onnx.py [--runs 20000] [--seed 1] [--no-build]
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-fuzz"
SEED_BYTES = 6000  # of the largest seed: small files mutate faster


def float_info(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def nested_functions():
    """Functions that call each other, with attributes handed on, defaults and a subgraph in a body."""
    reference = onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    leaky = helper.make_node("LeakyRelu", ["a"], ["b"], name="leaky")
    leaky.attribute.append(reference)
    opsets = [helper.make_opsetid("", 16), helper.make_opsetid("own", 1)]
    inner = helper.make_function(
        "own", "Inner", ["a"], ["b"], [leaky], opsets, attribute_protos=[helper.make_attribute("slope", 0.5)]
    )
    branch = helper.make_graph([helper.make_node("Add", ["a", "t"], ["s"])], "branch", [], [float_info("s", None)])
    other = helper.make_graph([helper.make_node("Identity", ["t"], ["s"])], "other", [], [float_info("s", None)])
    call = helper.make_node("Inner", ["a"], ["t"], name="call", domain="own", slope=0.25)
    choose = helper.make_node("If", ["c"], ["b"], name="choose", then_branch=branch, else_branch=other)
    outer = helper.make_function("own", "Outer", ["a", "c", "unused"], ["b", "a"], [call, choose], opsets)
    nodes = [helper.make_node("Outer", ["x", "k"], ["y", "z"], domain="own")]
    truth = helper.make_tensor("k", TensorProto.BOOL, [], [1])
    graph = helper.make_graph(
        nodes, "g", [float_info("x", ["N", 3])], [float_info("y", None), float_info("z", None)], [truth]
    )
    return helper.make_model(graph, opset_imports=opsets, functions=[inner, outer], ir_version=10)


def all_encodings():
    """An initializer in each encoding, also as graph inputs; open dims; declared shapes; external data."""
    typed = {
        TensorProto.FLOAT: [1.5, 2],
        TensorProto.INT64: [1, -2],
        TensorProto.INT32: [3, 4],
        TensorProto.BOOL: [0, 1],
        TensorProto.FLOAT16: [1, 2],
        TensorProto.DOUBLE: [1, 2],
        TensorProto.UINT64: [5, 6],
        TensorProto.INT4: [1, -1],
        TensorProto.STRING: [b"a", b"bc"],
    }
    tensors = [helper.make_tensor(f"t{kind}", kind, [2], values) for kind, values in typed.items()]
    tensors.append(helper.make_tensor("raw", TensorProto.FLOAT, [1, 2], b"\0\0\x80\x3f" * 2, raw=True))
    outside = TensorProto(name="outside", data_type=TensorProto.FLOAT, dims=[2], data_location=1)
    for key, value in {"location": "data.bin", "offset": "4096", "length": "8"}.items():
        outside.external_data.add(key=key, value=value)
    inputs = [float_info("x", ["batch", "?", 0, -1, None]), float_info("raw", [1, 2])]
    nodes = [
        helper.make_node("Clip", ["x", "", "t1"], ["c"]),
        helper.make_node("Dropout", ["c", "", ""], ["y", ""], name="drop"),
    ]
    with_outside = helper.make_graph(nodes, "g", inputs, [float_info("y", [1, 2])], [*tensors, outside])
    without = helper.make_graph(nodes, "g", inputs, [float_info("y", [1, 2])], tensors)
    without.value_info.append(float_info("c", [3, 0]))
    return [helper.make_model(g, opset_imports=[helper.make_opsetid("", 13)]) for g in (with_outside, without)]


def write_seeds(corpus):
    """Small models, equal ones once, under names that say nothing of where they lay."""
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    files = (Path(onnx.__file__).parent / "backend/test/data").rglob("*.onnx")
    seeds = [path.read_bytes() for path in sorted(files)]
    seeds += [model.SerializeToString() for model in [nested_functions(), *all_encodings()]]
    for data in seeds:
        if len(data) <= SEED_BYTES:
            (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
    return len(list(corpus.iterdir()))


def sanitizer_options():
    """So that stacks are printed, and with names where there is a symbolizer."""
    symbolizer = next(filter(None, map(shutil.which, ("llvm-symbolizer-19", "llvm-symbolizer"))), None)
    where = f"external_symbolizer_path={symbolizer}:" if symbolizer else ""
    return {"UBSAN_OPTIONS": where + "print_stacktrace=1", "ASAN_OPTIONS": where.rstrip(":")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-build", action="store_true")
    args = parser.parse_args()

    if not args.no_build:
        subprocess.run(["cmake", "--preset", "fuzz"], cwd=ROOT, check=True)
        subprocess.run(["cmake", "--build", str(BUILD), "--target", "onnx_fuzz"], check=True)
    corpus, crashes = BUILD / "corpus", BUILD / "crashes"
    crashes.mkdir(parents=True, exist_ok=True)
    seeds = write_seeds(corpus)
    # libFuzzer counts its pass over the seeds as runs: they are added so that `runs` files are mutated.
    done = subprocess.run(
        [
            str(BUILD / "onnx_fuzz"),
            f"-runs={args.runs + seeds}",
            f"-seed={args.seed}",
            "-max_len=16384",
            "-timeout=5",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            f"-artifact_prefix={crashes}/",
            str(corpus),
        ],
        env={**os.environ, **sanitizer_options()},
    )
    print(f"fuzz_onnx: {seeds} seeds, {args.runs} mutated files, exit code {done.returncode}")
    sys.exit(1 if done.returncode else 0)


if __name__ == "__main__":
    main()

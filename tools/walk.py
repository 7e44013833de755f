#!/usr/bin/env python3
"""Writes docs/walk.md: one convolution and one layer norm from ONNX to emitted code, stage by stage.

    tools/walk.py            writes the page
    tools/walk.py --check    exits 1 where the page is not what the stages make today

The texts are those of `smeaton simulate --dump` for machines/server-cpu.yaml, so that they do not depend on
the machine at hand. A step shows the lines that its patterns match; what its words quote must stand there or in
what the step before showed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "walk.md"


class Step(NamedTuple):
    stages: str  # those named in the heading; the last one's text is shown, the others changed nothing
    words: str
    shown: tuple  # regular expressions: the lines to show; each must match some


class Walk(NamedTuple):
    title: str
    words: str
    kernel: str  # whose code is shown
    model: onnx.ModelProto
    steps: list


def model(name, nodes, inputs, outputs, weights):
    info = lambda ports: [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in ports.items()]
    tensors = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in weights.items()]
    graph = helper.make_graph(nodes, name, info(inputs), info(outputs), tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def convolution():
    weights = {"w": np.arange(16 * 4 * 9).reshape(16, 4, 3, 3) / 576}
    weights |= {"scale": np.full(16, 2), "shift": np.zeros(16), "mean": np.zeros(16), "var": np.ones(16)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"], "norm"),
        helper.make_node("Relu", ["n"], ["y"], "relu"),
    ]
    return model("convolution", nodes, {"x": [1, 4, 6, 6]}, {"y": [1, 16, 6, 6]}, weights)


def layer_norm():
    weights = {"scale": np.linspace(1, 2, 48), "shift": np.linspace(0, 1, 48)}
    nodes = [helper.make_node("LayerNormalization", ["x", "scale", "shift"], ["y"], "norm", axis=-1)]
    return model("layer_norm", nodes, {"x": [64, 48]}, {"y": [64, 48]}, weights)


RUNS = r"^  (once )?run"
NAIVE = (RUNS, r"^kernel conv\(", r"^  parallel k", r"^    (let|move|mma|unary)")

WALKS = [
    Walk(
        "A convolution",
        "Sixteen 3 × 3 filters over four channels of 6 × 6, then BatchNormalization, then Relu: as small as it can be and "
        "still fill the vectors of a CPU with AVX-512.",
        "conv",
        convolution(),
        [
            Step(
                "bind",
                "The model as it was read, with sizes where inputs and `--dim` give them. A node says which operator it is, "
                "since which version, and after `from` which nodes of the file it stands for. `c` and `n` have no shape yet.",
                (r"input x", r"^  c = ", r"^  n = ", r"^  y: "),
            ),
            Step(
                "shapes",
                "Each value gets a type and a shape, `f32[1,16,6,6]`: from here on nothing has to be guessed.",
                (r"^  [cny]: ",),
            ),
            Step(
                "simplify",
                "BatchNormalization multiplies each channel by a constant and adds another: both go into the weights, which "
                "are constants too. Two nodes became one, `from conv, norm`, with weights of its own, `\"conv.weight\"`.",
                (r"conv.weight", r"^  [ny]: "),
            ),
            Step(
                "lower",
                "Now a program. Each node became a kernel that says what it means and nothing about how: for each of "
                "16 × 6 × 6 points a sum of products over channels and taps, `over c: 4, r: 3, s: 3`. What lies outside the "
                "picture is not read: `within (0 <= oh+r-1 < 6, 0 <= ow+s-1 < 6) else 0.0`. The lowered program knows no "
                "machine: memory is `memory`, what is near is `local`, iterations run on `any` unit.",
                (r"buffer (x|y|n):", *NAIVE, r"^kernel relu", r"^  parallel i1"),
            ),
            Step(
                "fuse",
                "Relu reads what the convolution wrote, point for point. One kernel does both, `from conv, norm, relu`, and "
                "the buffer `n` is gone with its bytes written and read.",
                NAIVE,
            ),
            Step(
                "layout",
                "The lanes of a vector want neighbours in memory, and all filters take the same input: so channels go last. "
                "`x_cl` is the input in the layout `[i0, 1+i2+1, 1+i3+1, i1]`, channels innermost, with a border of one around "
                "the picture that holds 0.0. With the border there the bounds go, and with them a condition in the "
                "innermost loop: `x_cl[0,c,oh+r-1,ow+s-1]` is read as it stands. Kernels speak of coordinates, so none of them "
                "changed for the layout itself. Two moves pay for it, `reorder_x` and `reorder_y`; between two convolutions "
                "there would be none.",
                (r"buffer x_cl", r"buffer y_cl", *NAIVE),
            ),
            Step(
                "tile",
                "The first stage that knows the machine: its registers, its caches, its vectors of sixteen; what was `memory` is its `dram`. A row of the "
                "result, six points of sixteen channels, is summed in registers: `let acc: reg f32[ow: 6, k: 16 lanes]`. One "
                "`mma` reads a vector of weights and six numbers of the input for six products of sixteen. The weights are "
                "packed so that these vectors follow each other, `[i0/16, i2, i3, i1, i0%16]`, by a step that runs `once`, at "
                "load. What a cache keeps is claimed, so that cost and code know of it: the weights stay in `l1`, and of three "
                "input rows each iteration brings in the one that the one before did not hold, `ring(oh)`.",
                (r"buffer conv_weight_packed", RUNS, r"^kernel conv\(", r"^  (let|claim)", r"^  parallel oh", r"^    (let|claim|for|unary)", r"mma", r"_l1\[k\]", r"move y_cl"),
            ),
            Step(
                "spell",
                "What was open for lack of numbers is written down behind `spelled`: which dim runs along the lanes and how wide, "
                "`lanes k by 16`, what is written out, `unrolled c, ow, k`. From here on nobody chooses.",
                (r"spelled.*from conv", r"^    for", r"mma", r"relu$"),
            ),
            Step(
                "emit",
                "The code is the program, printed. Above it stands the ledger of the kernel, counted from the same text: bytes "
                "at each level and operations, `f32 fma 20736` being 16 × 6 × 6 × 4 × 9. `acc_0_0` to `acc_5_0` are the six points; "
                "the loops over r, s and c are those of the program, in their order.",
                (r"^(?!.*(_[1-4]_0|b[234]|y_ \+ (16|32|48|64)))",),
            ),
        ],
    ),
    Walk(
        "A layer norm",
        "64 rows of 48, each brought to mean 0 and variance 1, then scaled and shifted.",
        "norm",
        layer_norm(),
        [
            Step(
                "bind",
                "One node. It is a composition of a dozen simpler ones, and is kept whole until it is lowered: its fused form "
                "is the efficient one.",
                (r"input x", r"^  y: "),
            ),
            Step(
                "shapes, simplify, lower",
                "Shapes are known, nothing simplifies. One kernel, a row at a time: `let row: local f32[v0: 48]` is read once, "
                "all steps work on it, and it is written once. Mean and variance are sums over the row times "
                "`0.020833333333333332`, which is 1/48; two passes, since the sum of squares less the square of the sum loses digits.",
                (RUNS, r"^kernel", r"^  parallel", r"^    "),
            ),
            Step(
                "fuse, layout, tile",
                "There is nothing to fuse and no better layout. Tiling gives the row to `l1` and what is one number to a "
                "register, `let mean: reg f32[]`; the row runs along the `lanes`. Scale and shift are read by every row and "
                "stay near: `claim scale_l1: l1 f32[i0_2: 48]`.",
                (r"^  (let|claim)", r"^  parallel", r"^    let"),
            ),
            Step(
                "spell",
                "A sum along the lanes is a chain of additions, each waiting for the one before. `sums 2` says two partial sums "
                "that do not wait for each other; three vectors, `unrolled v0`, have no use for more.",
                (r"reduce", r"binary sub", r"binary mul sq", r"unary sqrt"),
            ),
            Step(
                "emit",
                "`sum` and `sum2` are the two partial sums. A product and a difference of two ops are two roundings: "
                "`rounded_vf32` keeps the compiler from contracting them. The ledger says of `dram` 12672 bytes read, the rows and, "
                "once, scale and shift, and 12288 written: what any kernel must move.",
                (r"^//", r"k0_norm", r"i64 i = ", r"f32 row\[", r"f32 sq\[", r"\(row\) = \*\(const uf32\*\)\(x_\)")
                + (r"f32 mean", r"sum2? = ", r"mean = ", r"\(sq\) = ", r"var = sqrt", r"\(y_\) = ", r"^}"),
            ),
        ],
    ),
]


def smeaton(*words):
    done = subprocess.run([ROOT / "build" / "smeaton", *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"walk.py: smeaton {' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def code_of(text, kernel):
    """From the comment above the kernel to the end of its function."""
    begin = text.index(f"\n// {kernel}") + 1
    return text[begin : text.index("\n}\n", begin) + 3]


def stage_texts(made, kernel):
    """{stage: its text, "" where it changed nothing}"""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        onnx.save(made, str(file))
        words = ["simulate", file, "--machine", ROOT / "machines" / "server-cpu.yaml", "--isa", "avx512"]
        smeaton(*words, "--dump", folder)
        texts = {path.name.split(".")[1]: path.read_text() for path in sorted(Path(folder).glob("*.txt"))}
        texts["emit"] = code_of(smeaton(*words, "--stop-after", "emit"), kernel)
    return {stage: "" if text.endswith("\n(unchanged)\n") else text for stage, text in texts.items()}


def excerpt(text, shown):
    lines, left_out = [], False
    for line in text.splitlines():
        if any(re.search(pattern, line) for pattern in shown):
            lines += ["…"] * (left_out and bool(lines)) + [line]
            left_out = False
        else:
            left_out = True
    return lines


def fault(step, lines, before):
    """What the words claim and the texts do not show; "" where all is well."""
    for pattern in step.shown:
        if not any(re.search(pattern, line) for line in lines):
            return f"no line matches {pattern}"
    for quoted in re.findall(r"`([^`]+)`", step.words):
        if quoted != "--dim" and not any(quoted in line for line in lines + before):
            return f"the words quote `{quoted}`, which no line shows"
    return ""


def wrapped(words, width=120):
    lines = [""]
    for word in words.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return "\n".join(lines)


def section(walk, step, texts, before):
    *quiet, stage = step.stages.split(", ")
    for name in quiet:
        if texts[name]:
            sys.exit(f"walk.py: {walk.title}: the stage {name} changes something")
    lines = excerpt(texts[stage], step.shown)
    wrong = fault(step, lines, before)
    if wrong:
        sys.exit(f"walk.py: {walk.title}, {stage}: {wrong}; the text is\n{texts[stage]}")
    text = [f"### {step.stages}", "", wrapped(step.words), ""] + [f"    {line}".rstrip() for line in lines]
    return "\n".join(text) + "\n", lines


def page():
    parts = [
        "# A walk\n",
        wrapped(
            "One convolution and one layer norm, from the ONNX file to the code, with the lines of each stage's text that "
            "matter (… stands for others). `tools/walk.py` writes this page from what the stages make for "
            "`machines/server-cpu.yaml`; a test holds it to that. docs/pipeline.md says what each stage is for, docs/gir.md how "
            "programs are read, and this shows the whole text of a stage:"
        ),
        "\n    smeaton simulate model.onnx --machine machines/server-cpu.yaml --stop-after tile\n",
    ]
    for walk in WALKS:
        texts, before = stage_texts(walk.model, walk.kernel), []
        parts.append(f"## {walk.title}\n\n{wrapped(walk.words)}\n")
        for step in walk.steps:
            text, before = section(walk, step, texts, before)
            parts.append(text)
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the page instead of writing it")
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    if PAGE.exists() and PAGE.read_text() == page():
        return 0
    print("walk.py: docs/walk.md is not what the stages make; tools/walk.py writes it, read the diff", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

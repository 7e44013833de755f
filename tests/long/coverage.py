"""coverage.py [MODEL...]: every operator of the exported models, and of their training graphs, is costed on every
shipped machine: each node of the simplified graph stands behind a kernel that takes time, or is named as free; what is
free computes nothing (views, moves that became how neighbours read and write, what depends on constants alone)."""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "python"))

from models import case_inputs, smeaton  # noqa: E402

LIMIT_S = 1800
# Operators that only place elements: of these alone a node may be free without being constant.
PLACES = {
    *("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Concat", "Split", "Expand"),
    *("Gather", "Pad", "Tile", "DepthToSpace", "SpaceToDepth", "Shape", "Size", "Constant", "ConstantOfShape", "Cast"),
    *("Dropout", "CastLike", "Range", "EyeLike"),
}


def machines():
    ended = smeaton("machine", "list", "--json", limit_s=60)
    assert ended.code == 0, ended.err
    return [row["name"] for row in json.loads(ended.out)["machines"]]


def models():
    folder = Path(os.environ.get("SMEATON_MODELS", ROOT / "build" / "models"))
    wanted = sys.argv[1:]
    paths = sorted(folder.glob("*/model.onnx"))
    return [p for p in paths if not wanted or p.parent.name in wanted]


def faults_of(told):
    for node in told["nodes"]:
        if (node["cycles"] <= 0) != node["free"]:
            yield f"kernel {node['name']}: {node['cycles']} cycles, free: {node['free']}"
    for node in told["free_nodes"]:
        constant = node["because"].startswith("its operands are constants")
        if not constant and node["op"] not in PLACES:
            yield f"node {node['name']} ({node['op']}) computes and is free: {node['because']}"


def main():
    pairs = failed = 0
    for path in models():
        for machine in machines():
            for options in ((), ("--training", "--loss", "mse")):
                where = f"{path.parent.name} on {machine}{' training' if options else ''}"
                ended = smeaton("simulate", path, "--machine", machine, "--json", *case_inputs(path), *options, limit_s=LIMIT_S)
                if ended.code != 0:
                    # What has no gradient, or no sizes, has no training graph.
                    refused = options and any(w in ended.err for w in ("no parameter", "without a gradient", "--dim"))
                    print(f"{where}: {'no step' if refused else 'FAILED'}: {ended.err.strip().splitlines()[-1][:200]}")
                    failed += not refused
                    continue
                pairs += 1
                faults = list(faults_of(json.loads(ended.out)))
                failed += bool(faults)
                print(f"{where}: {len(faults)} faults", flush=True)
                for fault in faults:
                    print(f"  {fault}")
    print(f"{pairs} models on machines, {failed} with faults")
    if pairs == 0 or failed:
        sys.exit(1)


main()

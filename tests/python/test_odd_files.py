"""Small files that other runtimes were found to read wrongly: each run of each gives what its note
says is right. The files lie beside the checkout; where they do not, the tests say so and are left out."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import smeaton

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from compare import difference  # noqa: E402

FOLDER = ROOT.parent / "shared" / "data" / "odd"
NAMES = sorted(path.name for path in FOLDER.iterdir()) if FOLDER.is_dir() else []

# ONNX Runtime's heap loses its order over NaN, so the values beside this file are not what its note says
# is right: NaN is the greatest.
NAN = float("nan")
RIGHT = {
    "topk_nan": {
        "r0_0": np.array([NAN, NAN, 3], np.float32),
        "r0_1": np.array([1, 3, 2]),
        "r0_2": np.array([-np.inf, 1, 2], np.float32),
        "r0_3": np.array([4, 0, 5]),
    }
}


def runs_of(folder):
    """The feeds of each run of one session, in order."""
    files = [folder / "inputs.npz"]
    while (later := folder / f"inputs_{len(files)}.npz").exists():
        files.append(later)
    for file in files:
        with np.load(file) as arrays:
            yield {str(name): arrays[f"a{i}"] for i, name in enumerate(arrays["names"])}


@pytest.mark.skipif(not NAMES, reason=f"{FOLDER} is not here")
@pytest.mark.parametrize("name", NAMES)
def test_every_run_gives_the_right_value(name):
    folder = FOLDER / name
    why = json.loads((folder / "meta.json").read_text())
    session = smeaton.Session(folder / "model.onnx")
    with np.load(folder / "expected.npz") as arrays:
        expected = {**arrays, **RIGHT.get(name, {})}
    checked = 0
    for k, feeds in enumerate(runs_of(folder)):
        outputs = session.run(None, feeds)
        assert len(outputs) == sum(key.startswith(f"r{k}_") for key in expected)
        for i, output in enumerate(outputs):
            wrong = difference(output, expected[f"r{k}_{i}"])
            assert not wrong, f"run {k}, output {i}: {wrong} (right: {why['right']})"
            checked += 1
    assert checked == len(expected)

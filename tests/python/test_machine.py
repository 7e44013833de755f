"""Machine descriptions: by name, anywhere, and what `machine check` says of their figures."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, PROGRAM, ROOT, model, node, smeaton  # noqa: E402

NAMES = sorted(p.stem for p in (ROOT / "machines").glob("*.yaml"))


@pytest.fixture(scope="module")
def relu(tmp_path_factory):
    path = tmp_path_factory.mktemp("machine") / "relu.onnx"
    onnx.save(model([node("Relu", ["x"], ["y"])], {"x": (F32, [64, 64])}, {"y": (F32, [64, 64])}), str(path))
    return path


def test_those_that_ship_are_listed_and_shown():
    rows = json.loads(smeaton("machine", "list", "--json").out)["machines"]
    assert [row["name"] for row in rows] == NAMES
    for name in NAMES:
        assert smeaton("machine", "show", name).out == (ROOT / "machines" / f"{name}.yaml").read_text()


def test_a_name_is_the_file_that_ships(relu):
    by_name = smeaton("simulate", relu, "--machine", "server-cpu", "--json")
    by_file = smeaton("simulate", relu, "--machine", ROOT / "machines" / "server-cpu.yaml", "--json")
    assert by_name.code == 0 and by_name.out == by_file.out


def test_a_program_moved_elsewhere_has_its_machines(relu, tmp_path):
    moved = tmp_path / "smeaton"
    shutil.copy2(PROGRAM, moved)
    ended = subprocess.run(
        [moved, "simulate", relu, "--machine", "edge-cpu", "--json"], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 0 and json.loads(ended.stdout)["machine"] == "edge-cpu", ended.stderr


def test_a_file_goes_before_a_name_that_ships(relu, tmp_path):
    text = smeaton("machine", "show", "edge-cpu").out.replace("name: edge-cpu", "name: mine")
    (tmp_path / "edge-cpu").write_text(text)
    ended = smeaton("simulate", relu, "--machine", "edge-cpu", "--json", cwd=tmp_path)
    assert json.loads(ended.out)["machine"] == "mine"


def checked(*words):
    ended = smeaton("machine", "check", *words, "--json", limit_s=300)
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    return result, {(f["where"], f["key"]): f["used"] for f in result["figures"]}


def test_check_says_which_figures_are_used_and_which_are_not(relu):
    _, used = checked("edge-cpu", "--model", relu)
    assert used["level dram", "read_gb_s.one"] and used["", "clock_ghz"]
    # 32 KB: nothing of this model asks for logarithms, a square root, or more than the memory holds.
    sqrt = next(key for key in used if key[0].endswith("rate sqrt f32"))
    assert not used[sqrt] and not used["level dram", "capacity"]
    _, by_ours = checked("edge-cpu")
    assert by_ours[sqrt], "the built-in model has a square root"
    # What the text names is what the file holds.
    assert len(used) == len(by_ours) > 40


def test_a_systolic_array_without_f32_says_where_f32_runs(tmp_path):
    text = smeaton("machine", "show", "systolic-chip").out
    array, _, rest = text.partition("name: simd")
    (tmp_path / "chip.yaml").write_text(array.replace("{op: fma, dtype: f32,", "{op: fma, dtype: i8,") + "name: simd" + rest)
    result, _ = checked(tmp_path / "chip.yaml")
    assert result["notes"] == ["unit array takes no f32: contractions of f32 run on unit simd"]
    assert checked("systolic-chip")[0]["notes"] == []


def test_all_missing_rates_are_named_at_once(tmp_path):
    lines = smeaton("machine", "show", "systolic-chip").out.splitlines()
    kept = [line for line in lines if not any(f"op: {op}, dtype: f32" in line for op in ("div", "gather"))]
    assert len(kept) == len(lines) - 2
    (tmp_path / "chip.yaml").write_text("\n".join(kept) + "\n")
    softmax = model([node("Softmax", ["x"], ["y"])], {"x": (F32, [8, 8])}, {"y": (F32, [8, 8])})
    onnx.save(softmax, str(tmp_path / "softmax.onnx"))
    ended = smeaton("simulate", tmp_path / "softmax.onnx", "--machine", tmp_path / "chip.yaml")
    assert ended.code == 1 and "div f32" in ended.err and "gather f32" in ended.err, ended.err
    assert "docs/machine.md" in ended.err

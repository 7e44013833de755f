"""smeaton.inspect, simulate, study in Python; messages that speak of arguments; types that hold."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import smeaton

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))
import models  # noqa: E402
from models import F32, model, node, tensor  # noqa: E402


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """softmax(x w) with an open number of rows."""
    nodes = [node("MatMul", ["x", "w"], ["g"]), node("Softmax", ["g"], ["y"], axis=-1)]
    graph = model(nodes, {"x": (F32, ["rows", 8])}, {"y": (F32, ["rows", 5])}, [tensor("w", np.ones((8, 5), np.float32))])
    path = tmp_path_factory.mktemp("studies") / "dense.onnx"
    onnx.save(graph, str(path))
    return path


def of_program(*words):
    ended = models.smeaton(*words, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def test_inspect_says_what_the_program_says(dense):
    result = smeaton.inspect(dense, dims={"rows": 3}, memory=True)
    assert result == of_program("inspect", dense, "--dim", "rows=3", "--memory")
    assert smeaton.inspect(dense.read_bytes(), dims={"rows": 3})["flops"] == result["flops"]


def test_simulate_says_what_the_program_says(dense):
    result = smeaton.simulate(dense, "server-cpu", dims={"rows": 3}, threads=2)
    assert result == of_program("simulate", dense, "--machine", "server-cpu", "--dim", "rows=3", "--threads", "2")
    fed = smeaton.simulate(dense, "server-cpu", feeds={"x": np.zeros((3, 8), np.float32)}, threads=2)
    assert fed["time_ms"] == result["time_ms"]


def test_machines_are_names_and_texts(dense):
    assert smeaton.machines() == [row["name"] for row in of_program("machine", "list")["machines"]]
    assert smeaton.machine_text("edge-cpu").startswith("name: edge-cpu\n")
    with pytest.raises(smeaton.UserError, match="nearest: 'edge-cpu'"):
        smeaton.simulate(dense, "edge-cup", dims={"rows": 3})


def test_study_measures_and_writes_its_report(dense, tmp_path):
    report = tmp_path / "report.html"
    result = smeaton.study(dense, report, dims={"rows": 3}, machines="edge-cpu", runs=3, onnx_runtime=False)
    assert result["latency_ms"]["median"] > 0 and [m["machine"] for m in result["machines"]] == ["edge-cpu"]
    assert "edge-cpu" in report.read_text()
    with pytest.raises(smeaton.UserError, match="cannot write"):
        smeaton.study(dense, tmp_path / "absent" / "r.html", dims={"rows": 3})
    with pytest.raises(smeaton.UserError, match="runs 0"):
        smeaton.study(dense, dims={"rows": 3}, runs=0)


WRONG_OPTIONS = [
    ({"isa": "sse"}, "'sse': expected avx512"),
    ({"skip": "fusee"}, "nearest: 'fuse'"),
    ({"skip": [3]}, "skip: 3: expected a text"),
    ({"dims": {"cols": 3}}, "dims={'cols': 3}: no input has a dimension of that name"),
    ({"dims": {"rows": "3"}}, "'rows' is '3'; expected a whole number"),
    ({"dims": {"rows": -1}}, "'rows' is -1; expected a whole number from 0 on"),
    ({"dims": ["rows"]}, "expected a dict"),
    ({"dims": {3: 3}}, "expected a name"),
]


@pytest.mark.parametrize(("options", "words"), WRONG_OPTIONS, ids=lambda v: str(v)[:20])
def test_a_wrong_option_fails_when_the_session_is_made(dense, options, words):
    for make in (smeaton.Session, smeaton.Trainer):
        with pytest.raises((smeaton.UserError, TypeError, ValueError), match=re.escape(words)):
            make(str(dense), **options)


def test_one_text_is_a_list_of_one(dense):
    assert smeaton.Session(dense, skip="fuse").run(None, {"x": np.zeros((1, 8), np.float32)})[0].shape == (1, 5)


def messages(dense, tmp_path):
    """What users make of it wrong, each with the message that they get."""
    x = np.zeros((2, 8), np.float32)
    session = smeaton.Session(dense)
    calls = [
        lambda: smeaton.simulate(dense, "server-cpu"),
        lambda: smeaton.Session(dense, skip="nothing_like_it"),
        lambda: smeaton.Session(dense, dims={"cols": 3}),
        lambda: smeaton.Session(dense, dump_folder="/proc/none").run(None, {"x": x}),
        lambda: smeaton.Session(dense, state={"x": "nothing"}),
        lambda: smeaton.Trainer(dense, freeze="nothing*").step({"x": x, "target": np.zeros(2, np.int64)}),
        lambda: smeaton.Trainer(dense, optimizer="sdg"),
        lambda: smeaton.Trainer(dense, loss="nothing").prepare({"x": x, "target": np.zeros(2, np.int64)}),
        lambda: session.run(None, {"x": x.astype(np.float64)}),
        lambda: session.run(None, {"X": x}),
        lambda: session.run(["z"], {"x": x}),
        lambda: smeaton.study(dense, dims={"rows": 1}, runs=0),
    ]
    for call in calls:
        with pytest.raises(smeaton.UserError) as caught:
            call()
        yield str(caught.value)


def test_messages_speak_of_arguments_not_of_options(dense, tmp_path):
    said = list(messages(dense, tmp_path))
    assert [m for m in said if "--" in m] == []
    assert "dims={'rows': VALUE}" in said[0]


def test_a_wrong_feed_says_what_was_fed_and_what_is_expected(dense):
    session = smeaton.Session(dense)
    x = np.zeros((2, 8))
    with pytest.raises(smeaton.UserError, match=r"'x' is f32, but f64 was fed; give its array .astype\('float32'\)"):
        session.run(None, {"x": x})
    with pytest.raises(smeaton.UserError, match="fed were 'X', expected are 'x'"):
        session.run(None, {"X": x})
    with pytest.raises(smeaton.UserError, match=r"there is no input 'xx' \(nearest: 'x'\); the inputs are 'x'"):
        session.run(None, {"x": x.astype(np.float32), "xx": x})
    with pytest.raises(smeaton.UserError, match="there is no output 'z'.*the outputs are 'y'"):
        session.run(["z"], {"x": x.astype(np.float32)})


USE = """
import numpy as np
import smeaton

session = smeaton.Session("m.onnx", threads=2, dims={"N": 4}, skip="fuse")
outputs = session.run(None, {"x": np.zeros(3, np.float32)})
shape: tuple[int, ...] = outputs[0].shape
names: list[str] = [port.name for port in session.get_inputs()]
session.prepare({"x": [1.0]})
time_ms: float = smeaton.simulate(b"", "edge-cpu")["time_ms"]
loss: float = smeaton.Trainer("m.onnx").step({"x": np.zeros(3)})
"""
MISUSE = ["session.rum(None, {})", "session.run(None)", "session.run(None, 3)", "smeaton.simulat('m')", "session.prepare()"]


def mypy(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-color", "--cache-dir", str(cwd / "mypy"), *words],
        cwd=cwd, capture_output=True, text=True, env={"MYPYPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_types_hold(tmp_path):
    checked = mypy("-p", "smeaton", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = USE.splitlines()
    (tmp_path / "use.py").write_text("\n".join(lines + MISUSE) + "\n")
    checked = mypy("use.py", cwd=tmp_path)
    wrong = {int(at) for at in re.findall(r"^use\.py:(\d+): error", checked.stdout, re.M)}
    assert wrong == set(range(len(lines) + 1, len(lines) + 1 + len(MISUSE))), checked.stdout


@pytest.mark.parametrize("name", smeaton.__all__)
def test_every_public_name_says_what_it_is(name):
    thing = getattr(smeaton, name)
    named = {name: thing}
    if isinstance(thing, type) and thing.__module__.startswith("smeaton"):
        for owner in thing.__mro__[:-1]:
            if owner.__module__.startswith("smeaton"):
                named |= {n: v for n, v in vars(owner).items() if not n.startswith("_")}
    # The bindings' own signature, in the first line, is no explanation.
    says = lambda n, v: "\n".join(line for line in (v.__doc__ or "").splitlines() if not line.startswith(f"{n}("))
    assert [n for n, v in named.items() if len(says(n, v).strip()) < 10] == []

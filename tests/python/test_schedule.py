"""The verb schedule: linear clustering's known counts, task graph files, what is refused."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, ROOT, model, node, smeaton, tensor  # noqa: E402

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
MACHINE = str(ROOT / "machines" / "server-cpu.yaml")

# nodes in the file, nodes after folding, linear clusters, merged, messages; every task 1, every message 1.
# Counted by an independent program.
COUNTS = {
    "bvlc_alexnet": (40, 24, 1, 1, 0),
    "zfnet512": (38, 22, 1, 1, 0),
    "vgg19": (82, 46, 1, 1, 0),
    "squeezenet": (105, 66, 9, 2, 16),
    "inception_v1": (237, 143, 28, 4, 54),
    "inception_v2": (916, 371, 29, 4, 56),
    "resnet50": (415, 176, 5, 2, 8),
    "shufflenet": (446, 203, 4, 2, 6),
    "densenet121": (1746, 668, 1, 1, 0),
}


def scheduled(*arguments):
    ended = smeaton("schedule", *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


@pytest.mark.parametrize("name", COUNTS)
def test_linear_clusters_are_those_known(name):
    result = scheduled(LIGHT / f"light_{name}.onnx", "--algorithm", "linear", "--costs", "unit")
    keys = ("nodes_raw", "nodes", "clusters", "clusters_merged", "messages")
    assert tuple(result[key] for key in keys) == COUNTS[name]
    assert len(result["tasks"]) == COUNTS[name][1]
    assert result["makespan_us"] >= result["lower_bound_us"]


def test_two_runs_write_the_same_bytes():
    call = (
        "schedule",
        LIGHT / "light_inception_v1.onnx",
        "--algorithm",
        "linear",
        "--costs",
        "class",
        "--json",
    )
    assert smeaton(*call).out == smeaton(*call).out


def test_work_over_path_is_as_published():
    """SqueezeNet's work over its longest way, messages counted: 0.67 with every operator 1, 1.10 with 8 for
    those that contract. The longest way with messages is the makespan on as many workers as tasks."""
    ratios = []
    for costs in ("unit", "class"):
        result = scheduled(LIGHT / "light_squeezenet.onnx", "--algorithm", "linear", "--costs", costs)
        ratios.append(result["serial_us"] / result["longest_way_us"])
    assert ratios == pytest.approx([0.67, 1.10], abs=0.005)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("schedule")
    (path / "fork.json").write_text(
        json.dumps(
            {
                "tasks": [
                    {"name": "a", "durations_us": [4.0, 2.3]},
                    {"name": "b", "durations_us": [3]},
                    {"name": "c", "durations_us": [3]},
                ],
                "edges": [{"from": "a", "to": "b", "cost_us": 1.0}, {"from": "a", "to": "c", "cost_us": 1.0}],
            }
        )
    )
    (path / "small.stg").write_text("3\n0 0 0\n1 4 1 0\n2 3 1 1\n3 3 1 1\n4 0 2 2 3\n")
    (path / "small.td").write_text("3\n1 4 2 2 5 3 5\n2 3 0\n3 3 0\n")
    return path


@pytest.mark.parametrize("algorithm", ["list", "exact", "ilp", "cpsat", "auto"])
def test_graph_files_of_three_forms(folder, algorithm):
    for name, best in (("fork.json", 5.3), ("small.stg", 7), ("small.td", 10)):
        result = scheduled("--graph", folder / name, "--cores", 2, "--algorithm", algorithm)
        assert result["makespan_us"] == pytest.approx(best)
        assert result["nodes"] == 3 and result["gap"] >= 0
        if algorithm != "list":
            assert result["optimal"] and result["gap"] == pytest.approx(0)


def test_the_chart_shows_every_core(folder):
    ended = smeaton("schedule", "--graph", folder / "fork.json", "--cores", 2)
    assert ended.code == 0
    assert "core 0    [a" in ended.out and "core 1    [a" in ended.out
    assert "no schedule is shorter" in ended.out


def test_kernels_are_split_and_run_beside_each_other():
    result = scheduled(
        LIGHT / "light_squeezenet.onnx", "--cores", 2, "--algorithm", "list", "--machine", MACHINE
    )
    assert result["gap"] < 0.2
    assert result["makespan_us"] < 0.7 * result["serial_us"]
    assert any(len(task["cores"]) == 2 for task in result["tasks"])


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Four dense layers one after another: nothing to run side by side but when it is trained."""
    path = tmp_path_factory.mktemp("schedule_chain") / "chain.onnx"
    rng = np.random.default_rng(3)
    nodes, weights = [], []
    for i in range(4):
        weights.append(tensor(f"w{i}", rng.standard_normal((64, 64)).astype(np.float32)))
        nodes.append(node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"], f"dense{i}"))
    onnx.save(model(nodes, {"x0": (F32, [64, 64])}, {"x4": (F32, [64, 64])}, weights), str(path))
    return path


def test_a_training_step_has_work_beside_the_chain(chain):
    call = (chain, "--cores", 2, "--algorithm", "list", "--costs", "unit")
    forward = scheduled(*call)
    assert forward["makespan_us"] == forward["serial_us"] == forward["critical_path_us"] == 4
    step = scheduled(*call, "--training", "--loss", "mse", "--optimizer", "adam")
    assert step["nodes_raw"] == 4 and step["nodes"] > 12
    assert step["critical_path_us"] < 0.8 * step["serial_us"]
    assert step["makespan_us"] < step["serial_us"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--loss", "mse"], "add --training"),
        (["--training", "--loss", "best"], "best"),
        (["--training", "--optimizer", "best"], "best"),
    ],
)
def test_training_that_cannot_be_is_refused(chain, arguments, message):
    ended = smeaton("schedule", chain, "--machine", MACHINE, *arguments)
    assert ended.code == 1 and ended.out == ""
    assert message in ended.err


@pytest.mark.parametrize(
    "text, arguments, message",
    [
        ('{"tasks": [{"name": "a", "durations_us": [-1]}]}', ["--cores", "2"], "the duration -1"),
        ('{"tasks": [{"name": "a", "durations_us": [1]}]}', ["--cores", "0"], "--cores 0"),
        ('{"tasks": [{"name": "a", "durations_us": [1]}]}', [], "give --cores"),
        ('{"tasks": [{"name": "a", "durations_us": [1]}]}', ["--cores", "1", "--algorithm", "best"], "'best'"),
        ('{"tasks": [{"name": "a", "durations_us": [1]}]}', ["--cores", "1", "--costs", "unit"], "--costs"),
        (
            '{"tasks": [{"name": "a", "durations_us": [1]}, {"name": "b", "durations_us": [1]}],'
            ' "edges": [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]}',
            ["--cores", "2"],
            "in a cycle: a -> b -> a",
        ),
        ('{"tasks": []}', ["--cores", "2"], "there is no task"),
        ('{"tasks": [{"name": "a\\nb", "durations_us": [1]}]}', ["--cores", "2"], "a text of one line"),
        ('{"tasks": [], "tasks": []}', ["--cores", "2"], "the key 'tasks' twice"),
        ("{", ["--cores", "2"], "no JSON"),
        ('{"tasks": [{"name": "a", "durations_us": [1e999]}]}', ["--cores", "2"], "no JSON"),
        ('{"tasks": [{"name": "a", "durations_us": [1]}]}', ["--cores", "core=1,core=2"], "'core' twice"),
        (
            '{"tasks": [{"name": "a", "durations_us": [1]}]}',
            ["--cores", "2", "--time-limit", "0"],
            "more than 0",
        ),
        (
            '{"tasks": [{"name": "a", "durations_us": [1]}]}',
            ["--cores", "2", "--batch", "100000000"],
            "too many",
        ),
        (
            '{"tasks": [{"name": "a", "durations_us": [null, 1]}]}',
            ["--cores", "2", "--algorithm", "linear"],
            "does not run on one core",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, arguments, message):
    (tmp_path / "g.json").write_text(text)
    ended = smeaton("schedule", "--graph", tmp_path / "g.json", *arguments)
    assert ended.code == 1
    assert ended.out == ""
    assert message in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    "algorithm, variable, package",
    [("ilp", "SMEATON_HIGHS", "highspy"), ("cpsat", "SMEATON_CP_SAT", "ortools")],
)
def test_a_missing_solver_is_named_and_auto_goes_on(tmp_path, algorithm, variable, package):
    # Too many tasks for the exact search, and messages: the bound may not be reached at once.
    tasks = [{"name": f"t{i}", "durations_us": [3 + (i * 7) % 5]} for i in range(70)]
    edges = [{"from": f"t{i}", "to": f"t{i + 9}", "cost_us": 2} for i in range(60)]
    (tmp_path / "g.json").write_text(json.dumps({"tasks": tasks, "edges": edges}))
    call = ("schedule", "--graph", tmp_path / "g.json", "--cores", 3, "--json", "--algorithm")
    gone = {variable: "/no/such/library"}
    ended = smeaton(*call, algorithm, env=gone)
    assert ended.code == 1 and ended.out == ""
    assert package in ended.err and variable in ended.err
    ended = smeaton(*call, "auto", env=gone)
    assert ended.code == 0
    result = json.loads(ended.out)
    assert result["optimal"] or algorithm == "ilp" or any("CP-SAT was not tried" in n for n in result["notes"])


def test_help_shows_an_example():
    ended = smeaton("schedule", "--help")
    assert ended.code == 0
    assert "smeaton schedule model.onnx --cores 4 --algorithm list" in ended.out


def four_branches(path):
    nodes = [node("Exp", ["x"], ["s"], "stem")]
    for k in range(4):
        nodes.append(node("Sin" if k % 2 else "Cos", ["s"], [f"a{k}"], f"first{k}"))
        nodes.append(node("MatMul", [f"a{k}", f"w{k}"], [f"b{k}"], f"second{k}"))
    nodes.append(node("Concat", [f"b{k}" for k in range(4)], ["y"], "join", axis=1))
    weights = [tensor(f"w{k}", np.full((64, 64), 0.01 * k, np.float32)) for k in range(4)]
    onnx.save(model(nodes, {"x": (F32, [64, 64])}, {"y": (F32, [64, 256])}, weights), path)


def test_the_chart_the_graph_and_the_trace_are_written(tmp_path):
    four_branches(tmp_path / "m.onnx")
    files = {kind: tmp_path / f"s.{kind}" for kind in ("html", "svg", "trace")}
    options = [word for kind, file in files.items() for word in (f"--{kind}", file)]
    result = scheduled(tmp_path / "m.onnx", "--cores", 2, "--algorithm", "list", "--costs", "class", *options)
    assert result["measured"] is None
    page = files["html"].read_text()
    for task in result["tasks"]:
        assert page.count(task["name"]) >= 2  # in the chart and in the table
    assert "predicted, core 1" in page and "<svg" in page
    drawn = files["svg"].read_text()
    assert drawn.startswith("<svg") and drawn.count('class="node"') == len(result["tasks"])
    events = json.loads(files["trace"].read_text())["traceEvents"]
    spans = [e for e in events if e["ph"] == "X"]
    assert sum(len(t["cores"]) for t in result["tasks"]) == len(spans)
    assert max(e["ts"] + e["dur"] for e in spans) == pytest.approx(result["makespan_us"], abs=0.01)


def test_a_measured_run_stands_beside_the_prediction(tmp_path):
    four_branches(tmp_path / "m.onnx")
    call = ("schedule", tmp_path / "m.onnx", "--cores", 2, "--algorithm", "list", "--costs", "measured")
    result = scheduled(*call[1:], "--html", tmp_path / "s.html", "--trace", tmp_path / "s.json")
    measured = result["measured"]
    assert measured["makespan_us"] == pytest.approx(max(s["finish_us"] for s in measured["spans"]))
    assert {s["name"] for s in measured["spans"]} == {t["name"] for t in result["tasks"]}
    on_one_core = {t["name"]: t["cores"] for t in result["tasks"] if len(t["cores"]) == 1}
    for span in measured["spans"]:
        assert [span["core"]] == on_one_core.get(span["name"], [span["core"]])
    assert "measured, core 0" in (tmp_path / "s.html").read_text()
    events = json.loads((tmp_path / "s.json").read_text())["traceEvents"]
    assert {e["pid"] for e in events} == {1, 2}
    text = smeaton(*call).out
    assert "predicted, " in text and "measured, " in text


def test_nothing_is_written_where_one_file_cannot_be(tmp_path):
    (tmp_path / "g.json").write_text('{"tasks": [{"name": "a", "durations_us": [1]}]}')
    files = ("--html", tmp_path / "s.html", "--trace", tmp_path / "no" / "such" / "folder.json")
    ended = smeaton("schedule", "--graph", tmp_path / "g.json", "--cores", 1, *files)
    assert ended.code == 1 and "folder.json: cannot write" in ended.err
    assert not (tmp_path / "s.html").exists()


def test_a_task_graph_in_the_place_of_a_model_is_told(tmp_path):
    (tmp_path / "g.stg").write_text("1\n0 0 0\n1 5 1 0\n2 0 1 1\n")
    ended = smeaton("schedule", tmp_path / "g.stg", "--cores", 1)
    assert ended.code == 1 and ended.err.count("\n") == 1
    assert "g.stg: it is a task graph, no model; give it as --graph FILE" in ended.err


def test_without_graphviz_the_graph_is_an_error_that_says_what_to_install(tmp_path):
    four_branches(tmp_path / "m.onnx")
    call = ("schedule", tmp_path / "m.onnx", "--cores", 2, "--algorithm", "list", "--costs", "class")
    nowhere = {"PATH": str(tmp_path)}
    ended = smeaton(*call, "--svg", tmp_path / "s.svg", "--html", tmp_path / "s.html", env=nowhere)
    assert ended.code == 1 and "apt-get install graphviz" in ended.err
    assert not (tmp_path / "s.svg").exists() and not (tmp_path / "s.html").exists()
    ended = smeaton(*call, "--html", tmp_path / "s.html", env=nowhere)
    assert ended.code == 0, ended.err
    assert "apt-get install graphviz" in (tmp_path / "s.html").read_text()

"""The verb schedule: linear clustering's known counts, task graph files, what is refused."""

import json
import sys
from pathlib import Path

import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import ROOT, smeaton  # noqa: E402

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
    call = ("schedule", LIGHT / "light_inception_v1.onnx", "--algorithm", "linear", "--costs", "class", "--json")
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


@pytest.mark.parametrize("algorithm", ["list", "exact", "auto"])
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
    result = scheduled(LIGHT / "light_squeezenet.onnx", "--cores", 2, "--algorithm", "list", "--machine", MACHINE)
    assert result["gap"] < 0.2
    assert result["makespan_us"] < 0.7 * result["serial_us"]
    assert any(len(task["cores"]) == 2 for task in result["tasks"])


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
        ("{", ["--cores", "2"], "no JSON"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, arguments, message):
    (tmp_path / "g.json").write_text(text)
    ended = smeaton("schedule", "--graph", tmp_path / "g.json", *arguments)
    assert ended.code == 1
    assert ended.out == ""
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_help_shows_an_example():
    ended = smeaton("schedule", "--help")
    assert ended.code == 0
    assert "smeaton schedule model.onnx --cores 4 --algorithm list" in ended.out

"""What the program says to those who mistype, ask for help, or complete in a shell."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, model, node, smeaton, tensor  # noqa: E402

VERBS = ("inspect", "run", "emit", "probe", "simulate", "schedule", "train", "study", "machine", "cache", "search")


@pytest.fixture(scope="module")
def relu(tmp_path_factory):
    path = tmp_path_factory.mktemp("words")
    onnx.save(
        model([node("Relu", ["x"], ["y"])], {"x": (F32, [2, 3])}, {"y": (F32, [2, 3])}),
        str(path / "relu.onnx"),
    )
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulat"], "nearest: 'simulate'"),
        (["run", "relu.onnx", "--rnus", "5"], "nearest: '--runs'"),
        (["simulate", "relu.onnx", "--machin=x"], "nearest: '--machine'"),
        (["run", "relu.onnx", "--stop-after", "til"], "nearest: 'tile'"),
        (["run", "relu.onnx", "--skip", "fusee"], "nearest: 'fuse'"),
        (["simulate", "relu.onnx", "--machine", "server-cup"], "nearest: 'server-cpu'"),
        (["machine", "chek", "edge-cpu"], "nearest: 'check'"),
        (["help", "smulate"], "nearest: 'simulate'"),
        (["completion", "bsh"], "nearest: 'bash'"),
    ],
)
def test_a_typo_gets_the_nearest_word(relu, words, said):
    ended = smeaton(*words, cwd=relu)
    assert ended.code == 1 and said in ended.err, ended.err


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_is_its_help_option(verb):
    asked = smeaton("help", verb)
    assert asked.code == 0 and asked.out == smeaton(verb, "--help").out


def test_help_lists_what_skip_and_stop_after_take():
    text = smeaton("help", "run").out
    skip = next(line for line in text.splitlines() if "--skip" in line)
    stop = next(line for line in text.splitlines() if "--stop-after" in line)
    assert "fold_constants" in skip and "claim-resident" in skip
    assert all(stage in stop for stage in ("bind", "lower", "tile", "emit"))


def complete(line):
    """What bash offers at the end of the line."""
    words = line.split(" ")
    script = smeaton("completion", "bash").out
    script += f"""
COMP_WORDS=({" ".join(f"'{w}'" for w in words)})
COMP_CWORD={len(words) - 1}
_smeaton
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return set(subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split())


def test_bash_completes_verbs_options_and_values():
    assert complete("smeaton s") == {"simulate", "schedule", "study", "search"}
    assert complete("smeaton help pro") == {"probe"}
    assert complete("smeaton run --st") == {"--state", "--stop-after"}
    assert complete("smeaton run m.onnx --stop-after l") == {"lower", "layout"}
    assert complete("smeaton machine ") == {"list", "show", "check"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_what_their_shells_read(shell, tmp_path):
    script = smeaton("completion", shell)
    assert script.code == 0 and all(verb in script.out for verb in VERBS)
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    file = tmp_path / "script"
    file.write_text(script.out)
    checked = subprocess.run([shell, "-n", str(file)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_the_manual_page_has_every_verb_and_option():
    page = smeaton("man").out
    for verb in VERBS:
        assert f".SS smeaton {verb}" in page
        for line in smeaton("help", verb).out.splitlines():
            name = line.strip().split(" ")[0].split(",")[-1].split("[")[0]
            if name.startswith("--") and name != "--help":
                assert name.replace("-", "\\-") in page, f"{verb} {name}"
    if shutil.which("groff"):
        shown = subprocess.run(["groff", "-man", "-Tascii", "-ww"], input=page, capture_output=True, text=True)
        assert shown.returncode == 0 and not shown.stderr, shown.stderr


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_check_takes_npz_and_tolerances_and_says_the_largest_errors(relu, tmp_path):
    x = np.array([[1, -2, 3], [4, 5, -6]], np.float32)
    np.save(tmp_path / "x.npy", x)
    run = ["run", "relu.onnx", "--input", f"x={tmp_path}/x.npy", "--runs", "1", "--check"]
    right = np.maximum(x, 0)
    good = smeaton(*run, npz(tmp_path / "good.npz", y=right), cwd=relu)
    assert good.code == 0 and "y equals" in good.out and "largest error" in good.out
    off = right.copy()
    off[1, 1] += 0.5
    off[0, 2] += 0.1
    file = npz(tmp_path / "off.npz", y=off)
    ended = smeaton(*run, file, cwd=relu)
    assert ended.code == 1
    assert "2 of 6 elements differ; largest at [1,1]: 5, expected 5.5; then at [0,2]" in ended.err
    assert (ended.out + ended.err).count("differ;") == 1, "a failure is printed once"
    assert smeaton(*run, file, "--rtol", "0.2", cwd=relu).code == 0
    assert smeaton(*run, file, "--atol", "0.2", cwd=relu).code == 0
    assert smeaton(*run, file, "--rtol", "1e-9", "--atol", "0", cwd=relu).code == 1
    stray = smeaton(*run, npz(tmp_path / "stray.npz", yy=right), cwd=relu)
    assert stray.code == 1 and "holds 'yy'" in stray.err and "nearest: 'y'" in stray.err
    lone = smeaton("run", "relu.onnx", "--rtol", "0.1", cwd=relu)
    assert lone.code == 1 and "--check" in lone.err


def test_study_checks_machine_and_report_before_it_measures(relu, tmp_path):
    ended = smeaton("study", "relu.onnx", "--out", tmp_path / "absent" / "r.html", cwd=relu)
    assert ended.code == 1 and "cannot write" in ended.err and ended.seconds < 2
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    ended = smeaton("study", "relu.onnx", "--machine", tmp_path / "bad.yaml", "--out", tmp_path / "r.html", cwd=relu)
    assert ended.code == 1 and "bad.yaml" in ended.err and ended.seconds < 2
    assert not (tmp_path / "r.html").exists()


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Twelve layers with long names and an open size, and a Constant node."""
    path = tmp_path_factory.mktemp("chain")
    nodes, weights, x = [], [], "x"
    for i in range(12):
        name = f"/model/encoder/layers.{i}/attention/self/query/projection"
        weights.append(tensor(f"w{i}", np.full((64, 64), 0.01 * i, np.float32)))
        nodes += [node("MatMul", [x, f"w{i}"], [f"h{i}"], name + "/MatMul"), node("Tanh", [f"h{i}"], [f"y{i}"], name + "/Tanh")]
        x = f"y{i}"
    nodes += [node("Constant", [], ["c"], "constant", value=tensor("", np.ones(64, np.float32))), node("Add", [x, "c"], ["y"], "last")]
    graph = model(nodes, {"x": (F32, ["rows", 64])}, {"y": (F32, ["rows", 64])}, weights)
    onnx.save(graph, str(path / "chain.onnx"))
    return path


TABLES = [
    ["inspect", "chain.onnx"],
    ["inspect", "chain.onnx", "--dim", "rows=4", "--blocks"],
    ["run", "chain.onnx", "--dim", "rows=4", "--runs", "2", "--kernels"],
    ["simulate", "chain.onnx", "--dim", "rows=4", "--machine", "server-cpu"],
    ["machine", "list"],
    ["cache"],
]


@pytest.mark.parametrize("words", TABLES, ids=lambda words: words[0])
@pytest.mark.parametrize("columns", [80, 120])
def test_tables_keep_within_the_terminal(chain, words, columns):
    env = {"COLUMNS": str(columns)} if columns != 80 else {"COLUMNS": ""}
    ended = smeaton(*words, cwd=chain, env=env)
    assert ended.code == 0, ended.err
    # Lists of names in the head of a report are sentences, not tables.
    lines = ended.out.splitlines()
    tables = lines[lines.index("") :] if "" in lines else lines
    assert [line for line in tables if len(line) > columns and "  " in line.strip()] == []
    wide = smeaton(*words, "--wide", cwd=chain).out
    assert len(wide) > len(ended.out) or words == ["cache"]
    if "chain.onnx" in words:
        assert "/model/encoder/layers.11/attention/self/query/projection/Tanh" in wide


def test_inspect_says_how_to_bind_and_folds_constants(chain):
    text = smeaton("inspect", "chain.onnx", cwd=chain).out
    assert "bind them for figures: --dim rows=VALUE" in text
    assert "and 1 constants of 256 B" in text and "\nconstant " not in text


def test_all_open_sizes_are_asked_for_at_once(tmp_path):
    graph = model([node("Add", ["a", "b"], ["y"])], {"a": (F32, ["n", "m"]), "b": (F32, ["n", "m"])}, {"y": (F32, ["n", "m"])})
    onnx.save(graph, str(tmp_path / "add.onnx"))
    ended = smeaton("run", "add.onnx", cwd=tmp_path)
    assert ended.code == 1 and "--dim n=VALUE --dim m=VALUE" in ended.err, ended.err


def test_simulate_shows_the_slowest_first_with_shares_and_totals(chain):
    lines = smeaton("simulate", "chain.onnx", "--dim", "rows=256", "--machine", "server-cpu", "--wide", cwd=chain).out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("kernel"))
    assert any(line.startswith("bound by") for line in lines[:head])
    result = smeaton("simulate", "chain.onnx", "--dim", "rows=256", "--machine", "server-cpu", "--json", cwd=chain)
    kernels = [k for k in json.loads(result.out)["kernels"] if not k["once"]]
    slowest = max(kernels, key=lambda k: k["time_us"])
    share = 100 * slowest["time_us"] / sum(k["time_us"] for k in kernels)
    assert lines[head + 1].startswith(slowest["name"]) and f"{share:.1f} %" in lines[head + 1]
    once = [line for line in lines if "once at load" in line]
    assert len(once) == 2 and not any("(once)" in line for line in lines)


def test_a_stage_as_json(relu):
    for verb in (["run"], ["simulate", "--machine", "edge-cpu"]):
        ended = smeaton(verb[0], "relu.onnx", *verb[1:], "--stop-after", "lower", "--json", cwd=relu)
        result = json.loads(ended.out)
        assert (result["stage"], result["model"]) == ("lower", "relu.onnx")
        plain = smeaton(verb[0], "relu.onnx", *verb[1:], "--stop-after", "lower", cwd=relu)
        assert result["text"] == plain.out


def test_memory_is_called_dram(relu):
    kernels = json.loads(smeaton("run", "relu.onnx", "--json", cwd=relu).out)["kernels"]
    assert all("dram" in k["bytes"] and "memory" not in k["bytes"] for k in kernels)


def test_the_cache_knows_what_its_libraries_are_for(relu, tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    assert smeaton("run", "relu.onnx", "--runs", "1", cwd=relu, env=env).code == 0
    (entry,) = json.loads(smeaton("cache", "--json", env=env).out)["entries"]
    assert entry["model"] == "relu.onnx"
    assert "relu.onnx" in smeaton("cache", env=env).out
    smeaton("cache", "--clear", env=env)
    assert not [p for p in tmp_path.rglob("*") if entry["file"] in p.name]


def test_the_trace_is_a_timeline(chain, tmp_path):
    file = tmp_path / "trace.json"
    ended = smeaton(
        "run", "chain.onnx", "--dim", "rows=2048", "--threads", "2", "--runs", "3", "--trace", file, cwd=chain, limit_s=120
    )
    assert ended.code == 0, ended.err
    events = json.loads(file.read_text())["traceEvents"]
    named = {(e["name"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M"}
    assert named["process_name", 0] == "smeaton chain.onnx"
    threads = {tid for name, tid in named if name == "thread_name"}
    assert threads == {0, 1}
    spans = [e for e in events if e["ph"] == "X" and e["cat"] == "kernel"]
    assert {e["tid"] for e in spans} == threads, "both threads worked"
    for thread in threads:
        own = sorted((e["ts"], e["ts"] + e["dur"]) for e in events if e["ph"] == "X" and e["tid"] == thread)
        assert all(a[1] <= b[0] + 1e-3 for a, b in zip(own, own[1:], strict=False)), "one thing at a time"
    first = spans[0]["args"]
    assert first["flops"] > 0 and first["bytes"]["dram"] > 0 and first["bound"] and first["ops"]
    counters = {e["name"] for e in events if e["ph"] == "C"}
    assert counters == {"arena in use", "threads at work"}
    assert max(e["args"]["bytes"] for e in events if e["name"] == "arena in use") >= 2048 * 64 * 4

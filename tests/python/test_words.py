"""What the program says to those who mistype, ask for help, or complete in a shell."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, model, node, smeaton  # noqa: E402

VERBS = ("inspect", "run", "emit", "probe", "simulate", "schedule", "train", "study", "machine", "cache")


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
    assert complete("smeaton s") == {"simulate", "schedule", "study"}
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
            name = line.strip().split(" ")[0].split(",")[-1]
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

"""The pages for users: each command runs, and what README and docs name is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import smeaton as package

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import F32, ROOT, model, node, tensor  # noqa: E402

PAGES = ("run", "where-time-goes", "describe-a-machine")


def small():
    """Two convolutions and a classifier over a picture of 16 x 16."""
    make = np.random.default_rng(1)
    weight = lambda name, *shape: tensor(name, make.normal(size=shape).astype(np.float32) / 9)
    nodes = [
        node("Conv", ["image", "w0"], ["c0"], name="conv0", pads=[1, 1, 1, 1]),
        node("Relu", ["c0"], ["r0"], name="relu0"),
        node("Conv", ["r0", "w1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", ["c1"], ["p"], name="pool"),
        node("Flatten", ["p"], ["f"], name="flatten"),
        node("MatMul", ["f", "w2"], ["y"], name="head"),
    ]
    weights = [weight("w0", 8, 3, 3, 3), weight("w1", 16, 8, 3, 3), weight("w2", 16, 10)]
    return model(nodes, {"image": (F32, [1, 3, 16, 16])}, {"y": (F32, [1, 10])}, weights)


@pytest.fixture
def folder(tmp_path):
    onnx.save(small(), str(tmp_path / "model.onnx"))
    image = np.random.default_rng(2).normal(size=(1, 3, 16, 16)).astype(np.float32)
    np.save(tmp_path / "image.npy", image)
    np.save(tmp_path / "expected.npy", package.Session(str(tmp_path / "model.onnx"), skip=["fuse"]).run(None, {"image": image})[0])
    return tmp_path


def blocks(page):
    """(language, text) of each fenced block, in order."""
    text = (ROOT / "docs" / f"{page}.md").read_text()
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    assert text.count("```") == 2 * len(found)
    return found


def run_block(language, text, cwd):
    programs = {"sh": ["bash", "-euo", "pipefail", "-c", text], "python": [sys.executable, "-c", text]}
    path = f"{ROOT / 'build'}:{os.environ['PATH']}"
    return subprocess.run(programs[language], cwd=cwd, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs(page, folder):
    found = blocks(page)
    assert len(found) >= 4
    for language, text in found:
        done = run_block(language, text, folder)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        # What a command says it writes is there.
        for written in re.findall(r"(?:--out|--output-dir|--trace|--dump|>) (\S+)", text):
            assert (folder / written).exists(), (text, written)


def test_a_command_that_fails_is_noticed(folder):
    assert run_block("sh", "smeaton run absent.onnx | cat", folder).returncode == 1
    assert run_block("python", "raise SystemExit(3)", folder).returncode == 3


def test_what_was_changed_in_the_description_is_changed(folder):
    (_, show), (_, change) = blocks("describe-a-machine")[:2]
    for text in (show, "\n".join(line for line in change.splitlines() if line.startswith("sed"))):
        assert run_block("sh", text, folder).returncode == 0
    mine, original = (folder / "mine.yaml").read_text(), package.machine_text("edge-cpu")
    assert sum(a != b for a, b in zip(mine.splitlines(), original.splitlines(), strict=True)) == 3


PATHS = re.compile(r"(?<![\w./-])((?:src|docs|tests|tools|python|machines|examples|bench|cmake|build)/[\w./*-]*|[A-Z]+\.md)")


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))])
def test_files_that_are_named_exist(file):
    """Of what is built there is no saying, and a path with a star is a pattern."""
    named = {path.rstrip("./") for path in PATHS.findall((ROOT / file).read_text())}
    named = {p for p in named if not p.startswith("build") and "*" not in p}
    missing = [p for p in named if not (ROOT / p).exists() and not (ROOT / "src" / p).exists()]
    assert missing == []


def test_every_document_is_listed():
    listed = set(re.findall(r"`([\w-]+\.md)`", (ROOT / "docs" / "README.md").read_text()))
    assert listed == {p.name for p in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_every_folder_of_the_table_has_a_readme():
    table = re.findall(r"^\| (.*?) \|", (ROOT / "README.md").read_text(), re.M)
    folders = {f.strip("/") for row in table for f in re.findall(r"`([\w/]+)`", row)}
    assert {"src/base", "src/driver", "machines"} <= folders
    assert {f for f in folders if not (ROOT / f / "README.md").exists()} <= {"cmake"}
    sources = {f"src/{p.name}" for p in (ROOT / "src").iterdir() if p.is_dir()}
    assert sources - folders == set()

"""Emitting from the parsed dump gives the bytes of emitting from the model; `make zoo` asks that of all models."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "zoo")]
from dumps import detour, emitted  # noqa: E402
from zoo import store  # noqa: E402

# Convolutions of all kinds, recurrences, attention, shuffles, odd shapes: each below a second.
MODELS = ["file_type", "light_shufflenet", "light_squeezenet", "sound_to_notes", "text_orientation", "text_recogniser"]


@pytest.mark.parametrize("name", MODELS)
def test_the_code_from_a_dump_is_that_from_the_model(name):
    folder = store.cache_root() / name
    case = store.read_case(folder)
    if case is None:
        pytest.skip(f"{folder} is not there; tools/models.py --only {name} writes it")
    words = [word for key, file in case["inputs"].items() for word in ("--input", f"{key}={folder / file}")]
    assert detour(folder / case["model"], words) == ""


def test_a_difference_is_found(tmp_path, monkeypatch):
    """An emitter that writes another line the second time."""
    program = tmp_path / "smeaton"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--dump*) echo dump > "${4}/07.spell.txt"; n=1;; *) n=2;; esac\n'
        "printf 'extern \"C\" int f();\\nint g() { return %s; }\\n' $n\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr("dumps.PROGRAM", program)
    assert emitted("m.onnx")[1] == ""
    assert "differs in line 2: int g() { return 2; }" in detour("m.onnx")

"""The programs of examples/ against NumPy: run, emitted and simulated as their README shows."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from models import ROOT, smeaton  # noqa: E402

EXAMPLES = ROOT / "examples"


def stencil():
    heat = np.random.default_rng(1).standard_normal((37, 50)).astype(np.float32)
    wide = np.pad(heat.astype(np.float64), 1)
    around = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return {"heat": heat}, {"next": heat * 0.5 + around * 0.125}


def fft_stage():
    """The last stage of a transform of 64 points: from those of the even and of the odd ones to that of all."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((3, 64)) + 1j * rng.standard_normal((3, 64))
    halves = np.stack([np.fft.fft(x[:, 0::2]), np.fft.fft(x[:, 1::2])], axis=1)
    turn = np.exp(-2j * np.pi * np.arange(32) / 64)
    whole = np.fft.fft(x).reshape(3, 2, 32)
    parts = {"re": halves.real, "im": halves.imag, "turn_re": turn.real, "turn_im": turn.imag}
    return {k: v.astype(np.float32) for k, v in parts.items()}, {"out_re": whole.real, "out_im": whole.imag}


def filter_bank():
    rng = np.random.default_rng(3)
    signal = rng.standard_normal(500).astype(np.float32)
    bank = rng.standard_normal((11, 24)).astype(np.float32)
    filtered = [np.correlate(signal.astype(np.float64), taps.astype(np.float64), "valid") for taps in bank]
    return {"signal": signal, "bank": bank}, {"power": np.square(filtered).sum(axis=1)}


CASES = {"stencil": stencil, "fft_stage": fft_stage, "filter_bank": filter_bank}


def test_every_example_is_tested_and_explained():
    names = {path.stem for path in EXAMPLES.glob("*.gir")}
    assert names == set(CASES)
    readme = (EXAMPLES / "README.md").read_text()
    assert [name for name in names if f"`{name}.gir`" not in readme] == []


@pytest.mark.parametrize("name", CASES)
def test_an_example_computes_what_numpy_does(name, tmp_path):
    given, expected = CASES[name]()
    np.savez(tmp_path / "given.npz", **given)
    program = EXAMPLES / f"{name}.gir"
    words = ["--inputs", tmp_path / "given.npz"]
    ended = smeaton("run", program, *words, "--output-dir", tmp_path / "out", "--check", "interpreter")
    assert ended.code == 0, ended.err
    for output, value in expected.items():
        assert f"{output} equals the interpreter" in ended.out
        got = np.load(tmp_path / "out" / f"{output}.npy")
        np.testing.assert_allclose(got, value, rtol=1e-5, atol=1e-5 * np.abs(value).max())
    ended = smeaton("emit", program, *words)
    assert ended.code == 0 and 'extern "C"' in ended.out, ended.err
    ended = smeaton("simulate", program, *words, "--machine", ROOT / "machines" / "server-cpu.yaml")
    assert ended.code == 0 and "compute" in ended.out, ended.err

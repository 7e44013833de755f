"""The road through text: what the last dump of a model says is what is emitted, byte for byte."""

import subprocess
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent.parent / "build" / "smeaton"


def emitted(*words, limit_s=600):
    """(source, "") or ("", what went wrong)"""
    command = [str(PROGRAM), "emit", *map(str, words)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return "", f"no end within {limit_s} s"
    if done.returncode != 0:
        return "", f"exit code {done.returncode}: {''.join(done.stderr.strip().splitlines()[-1:])[:300]}"
    return done.stdout, ""


def detour(model, words=()):
    """What is wrong with the code that is emitted from the parsed dump of `spell`, alone; "" when it is that
    of the model."""
    with tempfile.TemporaryDirectory() as folder:
        straight, fault = emitted(model, *words, "--dump", folder)
        if fault:
            return fault
        (dump,) = Path(folder).glob("*.spell.txt")
        around, fault = emitted(dump)
    if fault:
        return f"from the dump: {fault}"
    if not straight.count('extern "C"'):
        return "no function was emitted"
    for line, (a, b) in enumerate(zip(straight.splitlines(), around.splitlines()), 1):
        if a != b:
            return f"the code from the dump differs in line {line}: {b.strip()[:80]}, expected {a.strip()[:80]}"
    return "" if straight == around else "the code from the dump is of another length"

"""tests/node_tests/run.py: a crash or a hang is one failure, and the list is held both ways."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parent.parent / "node_tests" / "run.py"
SPEC = importlib.util.spec_from_file_location("node_tests_run", FILE)
runner = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(runner)

FAKE_WORKER = """
import os, signal, sys, time
for line in sys.stdin:
    name = line.strip()
    if name == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "hang":
        time.sleep(60)
    if name == "quit":
        os._exit(0)
    print("passed\\t" if name == "good" else "refused\\tno such operator", flush=True)
"""


@pytest.fixture
def worker(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(FAKE_WORKER)
    one = runner.Worker(script, limit_s=1.0)
    yield one
    one.stop()


def test_a_crash_is_one_failure_and_the_next_test_runs(worker):
    kinds = [worker.run(name)[0] for name in ("good", "segfault", "good", "quit", "good", "odd")]
    assert kinds == ["passed", "crash", "passed", "crash", "passed", "refused"]


def test_a_hang_is_a_timeout(worker):
    assert worker.run("hang") == ("timeout", "no answer within 1.0 s")
    assert worker.run("good") == ("passed", "")


def test_the_list_is_held_both_ways():
    results = {"a": ("passed", ""), "b": ("refused", "x"), "c": ("wrong", "y"), "d": ("crash", "z")}
    listed = {"a": ("refused", "x"), "b": ("refused", "x"), "c": ("refused", "x"), "gone": ("refused", "x")}
    faults = runner.judge(results, listed, whole=True)
    assert [fault.split()[:2] for fault in faults] == [
        ["UNEXPECTED", "PASS"],
        ["CHANGED", "c:"],
        ["FAILED", "d:"],
        ["UNKNOWN", "gone:"],
    ]
    assert runner.judge({"b": ("refused", "other words")}, listed, whole=False) == []


def test_a_crash_is_never_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LIST", tmp_path / "list.txt")
    with pytest.raises(SystemExit, match="segfault"):
        runner.write_list({"segfault": ("crash", "the process ended with -11")})
    runner.write_list({"b": ("refused", "operator Odd is not supported"), "a": ("passed", "")})
    assert runner.read_list() == {"b": ("refused", "operator Odd is not supported")}
    (tmp_path / "list.txt").write_text("b crash it fell\n")
    with pytest.raises(SystemExit, match="list.txt:1"):
        runner.read_list()

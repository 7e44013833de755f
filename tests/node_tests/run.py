#!/usr/bin/env python3
"""Runs the node tests of the `onnx` package through smeaton.backend and holds the result against the list.

    run.py                    all; fails where a test outside not_passing.txt fails, or one in it passes
    run.py --filter REGEX     those whose name matches; what the list expects is shown as well
    run.py --write            writes not_passing.txt anew: read its diff
    run.py --jobs N           worker processes (default: one per core)

Tests run in worker processes: one that crashes or hangs its worker is one failure. not_passing.txt has a
line per test: name, kind, reason. The kinds: `refused` (a message of ours named what is not supported),
`wrong` (other values, or an error that is not ours), `crash`, `timeout`. Crashes are never accepted.
"""

import argparse
import os
import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIST = HERE / "not_passing.txt"
LIMIT_S = 60
KINDS = ("refused", "wrong", "timeout")


def test_names():
    import onnx.backend.test.loader as loader

    return sorted(case.name for case in loader.load_model_tests(kind="node"))


class Worker:
    """One process of `script`; a name goes in, "kind<TAB>reason" comes out."""

    def __init__(self, script=HERE / "worker.py", limit_s=LIMIT_S):
        self.script, self.limit_s = script, limit_s
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, str(self.script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONFAULTHANDLER": ""},
        )

    def run(self, name):
        if self.process is None or self.process.poll() is not None:
            self.start()
        timed_out = threading.Event()

        def stop():
            timed_out.set()
            self.process.kill()

        timer = threading.Timer(self.limit_s, stop)
        timer.start()
        try:
            self.process.stdin.write(name + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if line.endswith("\n"):
            kind, reason = line.rstrip("\n").split("\t", 1)
            return kind, reason
        code = self.process.wait()
        self.process = None
        if timed_out.is_set():
            return "timeout", f"no answer within {self.limit_s} s"
        return "crash", f"the process ended with {code}"

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def run_all(names, jobs):
    results = {}
    work = queue.SimpleQueue()
    for name in names:
        work.put(name)
    start = time.monotonic()

    def serve():
        worker = Worker()
        while True:
            try:
                name = work.get_nowait()
            except queue.Empty:
                break
            results[name] = worker.run(name)
            if len(results) % 200 == 0:
                took = time.monotonic() - start
                print(f"{len(results)} of {len(names)}, {took:.0f} s", file=sys.stderr)
        worker.stop()

    threads = [threading.Thread(target=serve) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def read_list():
    """name -> (kind, reason)"""
    rows = {}
    for number, line in enumerate(LIST.read_text().splitlines() if LIST.exists() else [], 1):
        if not line or line.startswith("#"):
            continue
        parts = line.split(maxsplit=2)
        if len(parts) != 3 or parts[1] not in KINDS or parts[0] in rows:
            raise SystemExit(f"{LIST.name}:{number}: expected a new name, one of {KINDS}, a reason")
        rows[parts[0]] = (parts[1], parts[2])
    return rows


def write_list(results):
    rows = sorted((n, k, r) for n, (k, r) in results.items() if k != "passed")
    crashes = [n for n, k, _ in rows if k not in KINDS]
    if crashes:
        raise SystemExit(f"not written: these crash, which no list may accept: {' '.join(crashes)}")
    with LIST.open("w") as out:
        out.write(
            "# The node tests of onnx that do not pass: name, kind, reason. Written by run.py --write;\n"
            "# CI fails where this list and the truth differ.\n"
        )
        for name, kind, reason in rows:
            out.write(f"{name} {kind} {reason}\n")
    print(f"{len(rows)} lines written to {LIST.name}")


def judge(results, listed, whole):
    """Messages on every difference between results and list."""
    faults = []
    for name, (kind, reason) in sorted(results.items()):
        if kind == "passed":
            if name in listed:
                faults.append(f"UNEXPECTED PASS {name}: take it out of {LIST.name}")
        elif name not in listed:
            faults.append(f"FAILED {name}: {kind}: {reason}")
        elif listed[name][0] != kind:
            faults.append(f"CHANGED {name}: {listed[name][0]} in {LIST.name}, now {kind}: {reason}")
    if whole:
        for name in sorted(set(listed) - set(results)):
            faults.append(f"UNKNOWN {name}: in {LIST.name}, but onnx has no such test")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--filter", default="", help="only names that match this")
    parser.add_argument("--write", action="store_true", help="write the list anew")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    names = [name for name in test_names() if re.search(arguments.filter, name)]
    if not names:
        raise SystemExit(f"no test matches '{arguments.filter}'")
    if arguments.write and arguments.filter:
        raise SystemExit("--write needs all tests; leave --filter out")
    results = run_all(names, arguments.jobs)
    if arguments.write:
        write_list(results)
        return 0
    listed = read_list()
    faults = judge(results, listed, whole=not arguments.filter)
    if arguments.filter:
        for name, (kind, reason) in sorted(results.items()):
            if kind != "passed" and name in listed:
                print(f"as listed: {name}: {kind}: {reason}")
    for fault in faults:
        print(fault)
    passed = sum(kind == "passed" for kind, _ in results.values())
    print(f"node tests: {passed} of {len(results)} pass; {LIST.name} says why the others do not")
    print(f"{len(results) - len(faults)} passed, {len(faults)} failed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

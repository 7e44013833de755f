#!/usr/bin/env python3
"""Times Smeaton against ONNX Runtime, or against another build of itself, in lockstep: one process each, turn by
turn, so that the weather of a shared host hits both; per round the ratio of the two, and of the ratios the median.

    lockstep.py                        the models of the cache
    lockstep.py --only resnet50,bert   those whose name contains a text, or whose kind is one
    lockstep.py --threads 1,2 --rounds 21 --json FILE
    lockstep.py --against TREE         the rival is the Smeaton that was built in another checkout (make build)

ratio: Smeaton's time over the rival's; below 1 Smeaton is ahead. Quartiles of the ratio tell the noise.
"""

import argparse
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
from zoo import store  # noqa: E402

TURN_S = 0.01  # calls shorter than this are repeated within a turn


class Side:
    """One side of a race: what stands in the table, an engine of runner.py, and its environment."""

    def __init__(self, name, engine, environment):
        self.name, self.engine, self.environment = name, engine, environment


def sides_of(against):
    """This tree's Smeaton, and the rival: ONNX Runtime, or the build of the tree `against`."""
    ours = Side("smeaton", "smeaton", os.environ | {"PYTHONPATH": str(HERE.parent / "build" / "python")})
    if not against:
        return ours, Side("onnxruntime", "onnxruntime", os.environ)
    package = Path(against).resolve() / "build" / "python"
    if not (package / "smeaton").is_dir():
        raise SystemExit(f"lockstep: no Python package in {package}; run make build in {against}")
    return ours, Side("other build", "smeaton", os.environ | {"PYTHONPATH": str(package)})


class Runner:
    def __init__(self, side, folder, threads):
        self.name = side.name
        command = [sys.executable, str(HERE / "runner.py"), side.engine, str(folder), str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=side.environment,
        )
        self.load_s, self.first_s = (float(word) for word in self.answer().split())

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            last = self.process.stderr.read().strip().splitlines()[-1:]
            raise RuntimeError(f"{self.name} ended: {''.join(last)[:300]}")
        return line

    def turn(self, calls):
        self.process.stdin.write(f"turn {calls}\n")
        self.process.stdin.flush()
        return float(self.answer())

    def stop(self):
        self.process.kill()
        self.process.wait()


def race(sides, folder, threads, rounds):
    runners = []
    try:
        for side in sides:
            runners.append(Runner(side, folder, threads))
        calls = [max(1, min(1000, math.ceil(TURN_S / runner.turn(1)))) for runner in runners]
        times = [[], []]
        for round_ in range(rounds):
            order = (0, 1) if round_ % 2 == 0 else (1, 0)
            for k in order:
                times[k].append(runners[k].turn(calls[k]))
    finally:
        for runner in runners:
            runner.stop()
    ratios = [a / b for a, b in zip(*times)]
    low, _, high = quantiles(ratios, n=4)
    return {
        "threads": threads,
        "ms": {side.name: 1e3 * median(t) for side, t in zip(sides, times)},
        "ratio": median(ratios),
        "ratio_quartiles": [low, high],
        "load_s": {r.name: r.load_s for r in runners},
        "first_call_s": {r.name: r.first_s for r in runners},
        "rounds": rounds,
    }


def chosen(only):
    words = [word for word in (only or "").split(",") if word]
    cases = store.write_index()
    found = [c for c in cases if not words or any(w in c["name"] or w == c["kind"] for w in words)]
    if not found:
        raise SystemExit(f"lockstep: no such model in {store.cache_root()}; run tools/models.py")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, or kinds, with commas")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--against", metavar="TREE", help="another checkout with a build, instead of ONNX Runtime")
    parser.add_argument("--json", metavar="FILE", help="writes the rows there as well")
    arguments = parser.parse_args()
    sides = sides_of(arguments.against)
    rival = sides[1].name
    version = "" if arguments.against else f" {importlib.metadata.version('onnxruntime')}"
    print(f"{platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores,"
          f" against {arguments.against or rival}{version}, {arguments.rounds} rounds")
    print(f"{'model':26} thr  smeaton ms {rival + ' ms':>15}   ratio  (quartiles)")
    rows, failed = [], 0
    for case in chosen(arguments.only):
        for threads in (int(t) for t in arguments.threads.split(",")):
            try:
                row = race(sides, store.cache_root() / case["folder"], threads, arguments.rounds)
            except (RuntimeError, BrokenPipeError) as error:
                failed += 1
                print(f"{case['name']:26} {threads:3}  FAILED: {error}", flush=True)
                continue
            rows.append({"model": case["name"], **row})
            low, high = row["ratio_quartiles"]
            print(f"{case['name']:26} {threads:3} {row['ms']['smeaton']:11.3f}"
                  f" {row['ms'][rival]:15.3f}  {row['ratio']:6.3f}  ({low:.3f} to {high:.3f})",
                  flush=True)
    for threads in sorted({row["threads"] for row in rows}):
        ratios = [row["ratio"] for row in rows if row["threads"] == threads]
        mean = math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))
        print(f"geometric mean of {len(ratios)} models, {threads} threads: {mean:.3f}, worst {max(ratios):.3f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

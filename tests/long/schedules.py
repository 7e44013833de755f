#!/usr/bin/env python3
"""Schedules at length: 1,000 random graphs against brute force, graphs of known optimum, a graph of 100,000 tasks.

    tests/long/schedules.py [SECONDS PER GRAPH]
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*command, **more):
    print("$", *command, flush=True)
    ended = subprocess.run([str(c) for c in command], cwd=ROOT, text=True, stdout=subprocess.PIPE, **more)
    print(ended.stdout, flush=True)
    if ended.returncode != 0:
        sys.exit(f"schedules.py: {command[0]} failed")
    return ended.stdout


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


def main():
    seconds = sys.argv[1] if len(sys.argv) > 1 else "10"
    run("cmake", "--build", "build", "--target", "schedule_test", "schedules_bench")
    run("build/schedule_test", "--gtest_filter=*BruteForce*", env={**os.environ, "SMEATON_LONG": "1"})
    bench = ROOT / "build" / "bench" / "schedules_bench"
    large = run(bench, "large")
    small = run(bench, "small")
    known = run(bench, "known", seconds)
    faults = []
    if number(r"100000 tasks.* in ([\d.]+) s", large) >= 1:
        faults.append("linear clustering of 100,000 tasks takes a second or more")
    if number(r"alike +(\d+) of 100", small) < 95 or number(r"three kinds +(\d+) of 100", small) < 95:
        faults.append("fewer than 95 of 100 small graphs are proven within a second")
    if number(r"mean +[\d.]+% +([\d.]+)%", known) > 3:
        faults.append("more than 3 % above known optima where messages take up to a mean task")
    if "FAULT" in large + small + known:
        faults.append("a schedule does not pass the checker")
    for fault in faults:
        print("schedules.py:", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

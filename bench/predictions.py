#!/usr/bin/env python3
"""Sets the simulator's closed form beside the clock: for each model of the cache the time that `simulate` predicts
on this machine's own probe file, the median that `run` measures, and the arena beside its bounds.

    predictions.py                      the models of the cache
    predictions.py --only resnet,bert   those whose name contains a text, or whose kind is one
    predictions.py --threads 2 --runs 30 --json FILE
    predictions.py --rounds 4           the runs of a model in four parts, all other models between them
    predictions.py --rounds 4 --probe   and this machine measured again before each part (probe --add)

error: predicted over measured, less one. A neighbour on the host makes the measured time longer, never shorter, so
that the error against the fastest run stands beside it. Neighbours stay for minutes: the same program, measured twice in
a row of models, was seen to differ by a third, which is why runs are spread over several rounds, and with --probe the
figures of the machine as well: both are then the fastest of the same time.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean, median, quantiles

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from zoo import store  # noqa: E402


def smeaton(verb, case, threads, *more):
    folder = store.cache_root() / case["folder"]
    command = [str(ROOT / "build" / "smeaton"), verb, str(folder / case["model"]), "--json"]
    command += ["--threads", str(threads), *more]
    for name, file in case["inputs"].items():
        command += ["--input", f"{name}={folder / file}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return json.loads(done.stdout)


def probe(*more):
    subprocess.run([str(ROOT / "build" / "smeaton"), "probe", *more], check=True, capture_output=True)


def measured(cases, threads, runs, rounds, probing):
    """By model: what each round measured, or the error that ended it."""
    of = {case["name"]: [] for case in cases}
    for at in range(rounds):
        if probing:
            probe("--add")
        share = str(runs // rounds + (at < runs % rounds))
        for case in cases:
            if isinstance(of[case["name"]], str):
                continue
            try:
                of[case["name"]].append(smeaton("run", case, threads, "--runs", share))
            except RuntimeError as error:
                of[case["name"]] = str(error)
        if rounds > 1:
            print(f"round {at + 1} of {rounds}", flush=True)
    return of


def row_of(case, threads, measured_runs):
    if isinstance(measured_runs, str):
        raise RuntimeError(measured_runs)
    run = measured_runs[0]
    predicted = smeaton("simulate", case, threads)["time_ms"]
    middle = median(r["latency_ms"]["median"] for r in measured_runs)
    fastest = min(r["latency_ms"]["min"] for r in measured_runs)
    return {
        "model": case["name"],
        "threads": threads,
        "predicted_ms": predicted,
        "median_ms": middle,
        "min_ms": fastest,
        "error": predicted / middle - 1,
        "error_of_fastest": predicted / fastest - 1,
        "arena_over_bound": run["arena_bytes"] / max(run["arena_lower_bound_bytes"], 1),
        "arena_over_graph": run["arena_bytes"] / max(run["graph_max_live_bytes"], 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, or kinds, with commas")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20, help="of each model, in all rounds together")
    parser.add_argument("--rounds", type=int, default=1, help="through the models")
    parser.add_argument("--probe", action="store_true", help="measures this machine again before each round")
    parser.add_argument("--json", metavar="FILE", help="writes the rows there as well")
    arguments = parser.parse_args()
    if not 1 <= arguments.rounds <= arguments.runs:
        raise SystemExit(f"predictions: --rounds {arguments.rounds}; expected 1 to {arguments.runs}, the runs")
    words = [word for word in (arguments.only or "").split(",") if word]
    cases = [
        c for c in store.write_index() if not words or any(w in c["name"] or w == c["kind"] for w in words)
    ]
    if not cases:
        raise SystemExit(f"predictions: no such model in {store.cache_root()}; run tools/models.py")
    print(f"{'model':26} predicted ms  median ms     min ms    error  of fastest  arena/bound  arena/graph")
    runs = measured(cases, arguments.threads, arguments.runs, arguments.rounds, arguments.probe)
    rows, failed = [], 0
    for case in cases:
        try:
            row = row_of(case, arguments.threads, runs[case["name"]])
        except RuntimeError as error:
            failed += 1
            print(f"{case['name']:26} FAILED: {error}", flush=True)
            continue
        rows.append(row)
        print(
            f"{row['model']:26} {row['predicted_ms']:12.3f} {row['median_ms']:10.3f} {row['min_ms']:10.3f}"
            f" {row['error']:+8.1%} {row['error_of_fastest']:+11.1%} {row['arena_over_bound']:12.3f}"
            f" {row['arena_over_graph']:12.3f}",
            flush=True,
        )
    errors = [row["error_of_fastest"] for row in rows]
    if len(errors) > 1:
        tenths = quantiles(errors, n=10)
        print(
            f"error against the fastest run: median {median(errors):+.1%}, of its size"
            f" {median(map(abs, errors)):.1%}, its mean {mean(map(abs, errors)):.1%}, tenths from {tenths[0]:+.1%} to"
            f" {tenths[-1]:+.1%}, beyond 25 %: {sum(abs(e) > 0.25 for e in errors)}"
        )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Times kernels side by side: `auto` against one kernel after another on all threads (`off`) and against Ramiel's
clusters (`linear`), in turns, one session at a time; per round the ratio of auto to the better of the two, and of the
ratios the median. Beside it the lower bound over the kernels' times, in the same ratio.

    parallel.py                          models with branches that are in the cache
    parallel.py --only inception,squeeze those whose name contains a text
    parallel.py --training resnet18,bert_2   steps of training (SGD), as training.py has them; under .venv-zoo
    parallel.py --threads 2 --rounds 7 --json FILE

A ratio of 0.95 where the bound says 0.94 leaves little; one below the bound means that times were noise.
"""

import argparse
import gc
import json
import math
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median, quantiles

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "long"), str(ROOT / "build" / "python")]
import smeaton  # noqa: E402
from zoo import store  # noqa: E402

BRANCHES = ("inception", "googlenet", "squeezenet", "nasnet", "two_towers", "detector")
MODES = ("off", "linear", "auto")
TURN_S, LEAST_RUNS = 0.25, 5


class Inference:
    def __init__(self, folder, case):
        self.path = folder / case["model"]
        self.feeds = store.feeds_of(folder, case)

    def open(self, mode, threads):
        session = smeaton.Session(self.path, threads=threads, parallel=mode)
        return lambda: session.run(None, self.feeds), lambda: session.parallel(self.feeds)


class Training:
    """A step as bench/training.py has it."""

    def __init__(self, name, folder):
        import training
        import whole_gradients

        self.trial = training.trials()[name]
        self.path, self.feeds, _ = whole_gradients.prepare(name, self.trial, folder)

    def open(self, mode, threads):
        trainer = smeaton.Trainer(
            self.path, loss=self.trial.loss, learning_rate=1e-6, threads=threads, parallel=mode
        )
        return lambda: trainer.step(self.feeds), lambda: trainer.parallel(self.feeds)


def turn(subject, mode, threads):
    """The median ms of a turn, and what the session says of its choice."""
    run, chosen = subject.open(mode, threads)
    for _ in range(3):
        run()
    times = []
    start = time.perf_counter()
    while len(times) < LEAST_RUNS or time.perf_counter() - start < TURN_S:
        before = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - before))
    choice = chosen()
    del run, chosen  # the pool with it: two of them would share cores
    gc.collect()
    return median(times), choice


def race(subject, threads, rounds):
    times = {mode: [] for mode in MODES}
    choice = None
    for round_ in range(rounds):
        for mode in MODES if round_ % 2 == 0 else reversed(MODES):
            ms, told = turn(subject, mode, threads)
            times[mode].append(ms)
            choice = told if mode == "auto" else choice
    ratios = [a / min(s, r) for a, s, r in zip(times["auto"], times["off"], times["linear"])]
    low, _, high = quantiles(ratios, n=4)
    best_us = min(choice["serial_us"], choice["linear_us"] or math.inf)
    return {
        "ms": {mode: median(t) for mode, t in times.items()},
        "method": choice["method"],
        "ratio": median(ratios),
        "ratio_quartiles": [low, high],
        "bound": choice["lower_bound_us"] / best_us if choice["serial_us"] else 1.0,
        "work": choice["work_us"] / best_us if choice["serial_us"] else 1.0,
        "critical_path": choice["critical_path_us"] / best_us if choice["serial_us"] else 1.0,
        "why": choice["why"],
    }


def subjects(arguments, folder):
    """Name by name what is timed."""
    if arguments.training:
        for name in arguments.training.split(","):
            yield name, Training(name, folder)
        return
    words = [w for w in arguments.only.split(",") if w] if arguments.only else BRANCHES
    found = [c for c in store.write_index() if any(w in c["name"] for w in words)]
    if not found:
        raise SystemExit(f"parallel: no such model in {store.cache_root()}; run tools/models.py")
    for case in found:
        yield case["name"], Inference(store.cache_root() / case["folder"], case)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, with commas")
    parser.add_argument("--training", help="names with commas: a step of training of each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="writes the rows there as well")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    print(f"{arguments.threads} threads, {arguments.rounds} rounds; ratio: auto / the better of off and linear")
    print(f"{'model':24}  off ms  linear    auto  runs     ratio  (quartiles)     bound  work  critical path")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, subject in subjects(arguments, Path(folder)):
            row = race(subject, arguments.threads, arguments.rounds)
            rows.append({"model": name, **row})
            ms, (low, high) = row["ms"], row["ratio_quartiles"]
            print(f"{name:24} {ms['off']:7.3f} {ms['linear']:7.3f} {ms['auto']:7.3f}  {row['method']:8}"
                  f" {row['ratio']:6.3f}  ({low:.3f} to {high:.3f})  {row['bound']:.3f}  {row['work']:.3f}"
                  f"  {row['critical_path']:.3f}", flush=True)
    mean = math.exp(sum(math.log(r["ratio"]) for r in rows) / len(rows))
    print(f"geometric mean {mean:.3f}, worst {max(r['ratio'] for r in rows):.3f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

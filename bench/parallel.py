#!/usr/bin/env python3
"""Times kernels side by side: `auto` against one kernel after another on all threads (`off`) and against Ramiel's
clusters (`linear`), in turns, one session at a time; the ratio of auto to the better of the two (by their medians) in
each round, and of these ratios the median, with the interval that holds it 19 times in 20 whatever the noise is like
(order statistics; all rounds where these are fewer than six). `control` is `off` raced as if it were another way: its
ratio to `off` tells what the bench itself is uncertain by. Steps of training (SGD, as training.py has them) are held against `off` alone. Beside each ratio
stands the lower bound over the times of the kernels in the same ratio, the larger of work / cores and the critical path.

    parallel.py                           models with branches, then steps of training where torch is installed (.venv-zoo)
    parallel.py --only inception,squeeze  those whose name contains a text; no training
    parallel.py --training resnet18,bert_2   these steps alone
    parallel.py --threads 2 --rounds 15 --json FILE

Exit code 1 where the outputs of the ways differ in a bit. A ratio of 0.95 where the bound says 0.94 leaves little; one
below the bound means that times were noise. A first run compiles and times the ways, which takes minutes.
"""

import argparse
import gc
import importlib.util
import json
import math
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "long"), str(ROOT / "build" / "python")]
import smeaton  # noqa: E402
from zoo import store  # noqa: E402

BRANCHES = (
    "inception_v3_dynamo",
    "googlenet_dynamo",
    "squeezenet1_1_dynamo",
    "nasnet_cells",
    "two_towers",
    "detector_dynamo",
)
STEPS = ("resnet18", "bert_2")
MODES = ("off", "linear", "auto", "control")
TURN_S, LEAST_RUNS = 0.25, 5


def parallel_of(mode):
    return "off" if mode == "control" else mode


class Inference:
    rivals = ("off", "linear")

    def __init__(self, folder, case):
        self.path = folder / case["model"]
        self.feeds = store.feeds_of(folder, case)

    def open(self, mode, threads):
        session = smeaton.Session(self.path, threads=threads, parallel=parallel_of(mode))
        return lambda: session.run(None, self.feeds), lambda: session.parallel(self.feeds)

    @staticmethod
    def values(result):
        return result


class Training:
    """A step as bench/training.py has it."""

    rivals = ("off",)

    def __init__(self, name, folder):
        import training
        import whole_gradients

        self.trial = training.trials()[name]
        self.path, self.feeds, _ = whole_gradients.prepare(name, self.trial, folder)

    def open(self, mode, threads):
        trainer = smeaton.Trainer(
            self.path,
            loss=self.trial.loss,
            learning_rate=1e-6,
            threads=threads,
            parallel=parallel_of(mode),
        )
        return lambda: trainer.step(self.feeds), lambda: trainer.parallel(self.feeds)

    @staticmethod
    def values(result):
        return [result]


def turn(subject, mode, threads):
    """The median ms of a turn, the bits of its first runs, and what the session says of its choice."""
    run, chosen = subject.open(mode, threads)
    # Of a trainer losses, the second and third by weights that steps have changed.
    first = [np.asarray(value).tobytes() for _ in range(3) for value in subject.values(run())]
    times = []
    start = time.perf_counter()
    while len(times) < LEAST_RUNS or time.perf_counter() - start < TURN_S:
        before = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - before))
    choice = chosen()
    del run, chosen  # the pool with it: two of them would share cores
    gc.collect()
    return median(times), first, choice


def interval(values):
    """Around the median, 19 times in 20: of so many fair coins, as many heads as come up that often."""
    n, below, tail = len(values), 0, 0.5 ** len(values)
    while below + 1 < n / 2 and tail <= 0.025:
        below += 1
        tail += math.comb(n, below) * 0.5**n
    below = max(below - 1, 0)
    return [sorted(values)[below], sorted(values)[n - 1 - below]]


def race(subject, threads, rounds):
    times = {mode: [] for mode in MODES}
    choice, bits, equal = None, None, True
    for round_ in range(rounds):
        for mode in MODES if round_ % 2 == 0 else reversed(MODES):
            ms, first, told = turn(subject, mode, threads)
            times[mode].append(ms)
            choice = told if mode == "auto" else choice
            bits = bits or first
            equal = equal and first == bits
    # One rival for all rounds: the smaller of two noisy times in each is less than either usually takes.
    rival = min(subject.rivals, key=lambda mode: median(times[mode]))
    ratios = [a / b for a, b in zip(times["auto"], times[rival])]
    control = [a / b for a, b in zip(times["control"], times["off"])]
    us = [choice["serial_us"]] + [choice["linear_us"] or math.inf] * ("linear" in subject.rivals)
    timed = choice["serial_us"] > 0
    return {
        "ms": {mode: median(t) for mode, t in times.items()},
        "method": choice["method"],
        "ratio": median(ratios),
        "rival": rival,
        "ratio_interval": interval(ratios),
        "control": median(control),
        "control_interval": interval(control),
        "bound": choice["lower_bound_us"] / min(us) if timed else 1.0,
        "work": choice["work_us"] / min(us) if timed else 1.0,
        "critical_path": choice["critical_path_us"] / min(us) if timed else 1.0,
        "ways_us": {f"{w['method']} {w['hyper']}".strip(): w["time_us"] for w in choice["ways"]},
        "equal": equal,
        "why": choice["why"],
    }


def has_torch():
    return importlib.util.find_spec("torch") is not None


def subjects(arguments, folder):
    """Name by name what is timed."""
    words = [w for w in (arguments.only or "").split(",") if w]
    steps = arguments.training.split(",") if arguments.training else []
    if not steps and not words:
        steps = STEPS if has_torch() else []
        if not steps:
            print("no torch here, so no steps of training: run under .venv-zoo", file=sys.stderr)
    if not arguments.training:
        cases = store.write_index()
        found = [c for c in cases if (any(w in c["name"] for w in words) if words else c["name"] in BRANCHES)]
        missing = [] if words else sorted(set(BRANCHES) - {c["name"] for c in found})
        if missing or not found:
            raise SystemExit(f"parallel: {missing or words} not in {store.cache_root()}; run tools/models.py")
        for case in found:
            yield case["name"], Inference(store.cache_root() / case["folder"], case)
    for name in steps:
        yield f"step of {name}", Training(name, folder)


def summary(rows, what):
    ratios = [r["ratio"] for r in rows]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    bound = math.exp(sum(math.log(r["bound"]) for r in rows) / len(rows))
    print(f"{what}: geometric mean {mean:.3f} (bound {bound:.3f}), worst {max(ratios):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, with commas")
    parser.add_argument("--training", help="names with commas: a step of training of each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", metavar="FILE", help="writes the rows there as well")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    print(f"{arguments.threads} threads, {arguments.rounds} rounds; ratio: auto / the better of off and linear")
    print(f"{'model':18}  off ms  linear    auto  runs         ratio  (19 in 20)          bound   work   path"
          "  ratio / bound   control")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, subject in subjects(arguments, Path(folder)):
            row = race(subject, arguments.threads, arguments.rounds)
            rows.append({"model": name, "training": isinstance(subject, Training), **row})
            ms, (low, high), (least, most) = row["ms"], row["ratio_interval"], row["control_interval"]
            print(f"{name:18} {ms['off']:7.3f} {ms['linear']:7.3f} {ms['auto']:7.3f}  {row['method']:12}"
                  f" {row['ratio']:5.3f}  ({low:.3f} to {high:.3f})  {row['bound']:.3f}  {row['work']:.3f}"
                  f"  {row['critical_path']:.3f}  {row['ratio'] / row['bound']:.3f}"
                  f"   {row['control']:.3f} ({least:.3f} to {most:.3f})"
                  f"{'' if row['equal'] else '  THE BITS DIFFER'}", flush=True)
    for training, what in ((False, "models with branches"), (True, "steps of training, against off alone")):
        if of_kind := [r for r in rows if r["training"] == training]:
            summary(of_kind, what)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    return 0 if all(r["equal"] for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

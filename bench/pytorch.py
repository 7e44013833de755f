#!/usr/bin/env python3
"""Times emitted PyTorch (`emit --as pytorch`) against the module that the model file was exported from, both eager, at
the same number of intra-operator threads, turn by turn: per round the ratio of the medians of a turn, and of the
ratios the median. Beside it forward_parallel against forward at that number of threads. Under .venv-zoo.

    pytorch.py                       five models
    pytorch.py --only bert,googlenet --threads 2 --rounds 7
"""

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "zoo")]
import pytorch  # noqa: E402
from zoo import exported, store  # noqa: E402

MODELS = ("resnet50", "mobilenet_v2", "googlenet", "inception_v3", "bert_base")
TURN_S, LEAST_RUNS = 0.4, 3


def turn(run):
    """The median ms of a turn; the first run fetches what the other drove out of the caches."""
    run()
    times, start = [], time.perf_counter()
    while len(times) < LEAST_RUNS or time.perf_counter() - start < TURN_S:
        before = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - before))
    return median(times)


def race(runs, rounds):
    """By name: medians; and by name the median ratio to the first."""
    times = {name: [] for name in runs}
    for round_ in range(rounds):
        for name in list(runs) if round_ % 2 == 0 else reversed(list(runs)):
            times[name].append(turn(runs[name]))
    first = times[next(iter(times))]
    return (
        {name: median(t) for name, t in times.items()},
        {name: median(a / b for a, b in zip(t, first)) for name, t in times.items()},
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, with commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    words = arguments.only.split(",") if arguments.only else MODELS
    torch.set_num_threads(arguments.threads)
    index = store.write_index()
    print(f"{arguments.threads} threads, {arguments.rounds} rounds; ratios to the original, eager")
    for name in [n for n in exported.RECIPES if any(w in n for w in words)]:
        (case,) = [c for c in index if c["name"] == f"{name}_script"]
        source = store.cache_root() / case["folder"]
        with tempfile.TemporaryDirectory() as folder:
            pytorch.emit(source / case["model"], Path(folder))
            ours = pytorch.load(Path(folder)).Model.load(folder)
            inputs = [torch.from_numpy(value) for value in store.feeds_of(source, case).values()]
            original = exported.RECIPES[name].make().eval()
            with torch.inference_mode():
                runs = {"original": original, "forward": ours.forward, "parallel": ours.forward_parallel}
                ms, ratios = race(
                    {k: (lambda run=run: run(*inputs)) for k, run in runs.items()}, arguments.rounds
                )
        print(
            f"{name:16} original {ms['original']:8.2f} ms  forward {ms['forward']:8.2f} ({ratios['forward']:.3f})"
            f"  forward_parallel {ms['parallel']:8.2f} ({ratios['parallel'] / ratios['forward']:.3f} of forward)",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

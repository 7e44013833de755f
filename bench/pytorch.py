#!/usr/bin/env python3
"""Times emitted PyTorch (`emit --as pytorch`) against the module that the model file was exported from, both eager, at
the same number of intra-operator threads, turn by turn: per round the ratio of the medians of a turn, and of the
ratios the median. Beside it forward_parallel against both at that number of threads; models with branches that were
never PyTorch modules have it against forward alone. Where the plan is one cluster, forward_parallel is forward, and their
ratio says what the bench is uncertain by. Under .venv-zoo.

    pytorch.py                       all exported models, nasnet_cells, two_towers: five minutes
    pytorch.py --only bert,googlenet --threads 2 --rounds 7
    pytorch.py --operators           which operators of PyTorch the emitted forward calls more, or less often
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from statistics import geometric_mean, median

import torch
from torch.utils._python_dispatch import TorchDispatchMode

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "zoo")]
import pytorch  # noqa: E402
from zoo import branches, exported, store  # noqa: E402

BRANCHES = ("googlenet", "inception_v3", "squeezenet1_1", "shufflenet_v2", "detector", *branches.MODELS)
TURN_S, LEAST_RUNS = 0.3, 3


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
    """By name: medians; and by pair of names the median ratio of a round."""
    times = {name: [] for name in runs}
    for round_ in range(rounds):
        for name in list(runs) if round_ % 2 == 0 else reversed(list(runs)):
            times[name].append(turn(runs[name]))
    ratios = {(a, b): median(x / y for x, y in zip(times[a], times[b])) for a in runs for b in runs}
    return {name: median(t) for name, t in times.items()}, ratios


class Calls(TorchDispatchMode):
    """How often each operator is called."""

    def __init__(self):
        super().__init__()
        self.count = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count[function.overloadpacket.__name__] += 1
        return function(*args, **(kwargs or {}))


def calls(run, inputs):
    with Calls() as mode:
        run(*inputs)
    return mode.count


def cases(words):
    """(name, row of the index, how the original is made or None)."""
    index = {case["name"]: case for case in store.write_index()}
    makers = {name: (f"{name}_script", recipe.make) for name, recipe in exported.RECIPES.items()}
    makers |= {name: (name, None) for name in branches.MODELS}
    for name, (row, make) in makers.items():
        if any(word in name for word in words):
            if row not in index:
                raise SystemExit(f"no model {row} in {store.cache_root()}; run tools/models.py")
            yield name, index[row], make


def modules(case, make, folder):
    """Ways to run the model, and its inputs."""
    source = store.cache_root() / case["folder"]
    pytorch.emit(source / case["model"], Path(folder))
    ours = pytorch.load(Path(folder)).Model.load(folder)
    inputs = [torch.from_numpy(value) for value in store.feeds_of(source, case).values()]
    runs = {"original": make().eval()} if make else {}
    clusters = (Path(folder) / "clusters.py").read_text().count("predicted busy")
    return runs | {"forward": ours.forward, "parallel": ours.forward_parallel}, inputs, clusters


def row(name, runs, inputs, clusters, rounds):
    ms, ratios = race({k: (lambda run=run: run(*inputs)) for k, run in runs.items()}, rounds)
    none = float("nan")
    eager, whole = (ratios.get((way, "original"), none) for way in ("forward", "parallel"))
    print(
        f"{name:16} original {ms.get('original', none):8.2f} ms  forward {ms['forward']:8.2f} ({eager:.3f} of the original)"
        f"  forward_parallel, {clusters} cluster{'s' if clusters > 1 else ' '} {ms['parallel']:8.2f}"
        f" ({ratios['parallel', 'forward']:.3f} of forward, {whole:.3f} of the original)",
        flush=True,
    )
    return eager, ratios["parallel", "original" if "original" in runs else "forward"]


def summary(what, ratios, limit):
    mean, over = geometric_mean(ratios.values()), [f"{n} {r:.3f}" for n, r in ratios.items() if r > limit]
    print(f"{what}: geometric mean {mean:.3f} of {len(ratios)}; above {limit}: {', '.join(over) or 'none'}")


def operators(name, runs, inputs):
    before, after = calls(runs["original"], inputs), calls(runs["forward"], inputs)
    print(f"{name}: {before.total()} calls in the original, {after.total()} as emitted")
    for way, more in (("more", after - before), ("less", before - after)):
        print(f"    {way}: {', '.join(f'{n} {op}' for op, n in sorted(more.items())) or 'none'}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, with commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--operators", action="store_true", help="count calls in place of timing")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    words = arguments.only.split(",") if arguments.only else [""]
    torch.set_num_threads(arguments.threads)
    if arguments.operators:
        torch.backends.mha.set_fastpath_enabled(False)  # one operator of many: as the exporters saw it
    else:
        print(f"{arguments.threads} threads, {arguments.rounds} rounds, eager")
    eager, parallel = {}, {}
    for name, case, make in cases(words):
        with tempfile.TemporaryDirectory() as folder:
            runs, inputs, clusters = modules(case, make, folder)
            with torch.inference_mode():
                if not arguments.operators:
                    eager_ratio, parallel_ratio = row(name, runs, inputs, clusters, arguments.rounds)
                elif make:
                    operators(name, runs, inputs)
        if arguments.operators:
            continue
        if make:
            eager[name] = eager_ratio
        if name in BRANCHES:
            parallel[name] = parallel_ratio
    if eager:
        summary("forward of the original", eager, 1.05)
    if parallel:
        summary("forward_parallel of the original (else of forward), models with branches", parallel, 0.95)
    return 0


if __name__ == "__main__":
    sys.exit(main())

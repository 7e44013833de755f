"""events.py [MODEL...] [--machines N] [--jobs 2] [--log FILE]: the closed form against the walk by events, kernel by
kernel, for the exported models on all chips, inference and a training step: times within 2 % or 100 cycles; bytes at
every level and multiply-adds equal; multiply-adds the same on every chip, those of inference the graph's. Names each kernel
that differs, and fails where one does. What is in the log is not run again."""

import argparse
import concurrent.futures
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "python"))

from by_events import compared  # noqa: E402
from models import case_inputs  # noqa: E402
from products import of_graph  # noqa: E402

# The first two of them differ most from each other.
MACHINES = (
    "simdit-training-08",
    "tpu-like",
    "eyeriss-like",
    "systolic-chip",
    "simdit-inference-01",
    "fpga-overlay",
    "near-memory",
    "sparse-array",
    "simdit-training-01",
    "simdit-inference-03",
)
STEPS = {"inference": (), "training": ("--training", "--loss", "mse")}
LIMIT_S = 1800


def models(wanted):
    folder = Path(os.environ.get("SMEATON_MODELS", ROOT / "build" / "models"))
    paths = sorted(folder.glob("*/model.onnx"), key=lambda p: p.stat().st_size)
    return [p for p in paths if not wanted or p.parent.name in wanted]


def run(job):
    path, machine, step = job
    row = {"model": path.parent.name, "machine": machine, "step": step}
    try:
        row |= compared(path, machine, *case_inputs(path), *STEPS[step], limit_s=LIMIT_S)
    except AssertionError as error:
        row["refused"] = (str(error).strip().splitlines() or ["no reason"])[-1]
    return row


def done(log):
    if not log or not log.exists():
        return []
    return [json.loads(line) for line in log.read_text().splitlines()]


def told(row):
    where = f"{row['model']} on {row['machine']} {row['step']}"
    if "refused" in row:
        print(f"{where}: NOT SIMULATED: {row['refused']}", flush=True)
        return
    print(f"{where}: {len(row['off'])} of {row['kernels']} kernels differ", flush=True)
    for kernel, (closed, events) in row["off"].items():
        print(f"  {kernel}: closed {closed}, events {events} cycles, {closed / max(events, 1):.3f}")
    for fault in row["unequal"]:
        print(f"  UNEQUAL {fault}")


def verdict(rows, paths):
    """Prints the sums; whether all is as it should be."""
    run = [row for row in rows if "refused" not in row]
    off, kernels = sum(len(row["off"]) for row in run), sum(row["kernels"] for row in run)
    unequal = sum(len(row["unequal"]) for row in run)
    macs = {}
    for row in run:
        macs.setdefault((row["model"], row["step"]), set()).add(round(row["macs"]))
    several = [key for key, counts in macs.items() if len(counts) > 1]
    for model, step in several:
        print(f"{model} {step}: multiply-adds differ by chip: {sorted(macs[model, step])}")
    for path in paths:
        counts = macs.get((path.parent.name, "inference"), set())
        graph = of_graph(path) if counts else None
        if graph is not None and counts != {graph}:
            several.append((path.parent.name, "inference"))
            print(f"{path.parent.name} inference: multiply-adds {sorted(counts)}, of the graph {graph}")
    print(f"{off} of {kernels} kernels differ, {unequal} counts are unequal, {len(rows) - len(run)} not simulated")
    return kernels > 0 and off == 0 and not unequal and not several


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="*")
    parser.add_argument("--machines", type=int, default=len(MACHINES), help="so many of the list")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--log", type=Path, help="a file of results, one a line; goes on from there")
    parser.add_argument("--step", choices=STEPS, action="append")
    given = parser.parse_args()

    rows = done(given.log)
    known = {(row["model"], row["machine"], row["step"]) for row in rows}
    paths = models(given.model)
    jobs = [(p, m, s) for p in paths for m in MACHINES[: given.machines] for s in given.step or STEPS]
    jobs = [job for job in jobs if (job[0].parent.name, *job[1:]) not in known]
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for row in pool.map(run, jobs):
            told(row)
            rows.append(row)
            if given.log:
                with given.log.open("a") as out:
                    out.write(json.dumps(row) + "\n")
    if not verdict(rows, paths):
        sys.exit(1)


main()

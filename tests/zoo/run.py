#!/usr/bin/env python3
"""Runs every model of the cache (tools/models.py) through the CLI and the Python package, with 1 and 2
threads, and compares with the reference outputs of ONNX Runtime; runs and thread counts must agree bit for bit,
and so must the code emitted from the last dump with that from the model.

    run.py                      all models of the cache
    run.py --only TEXT,…        those whose name contains one of the texts, or whose kind is one
    run.py --python             leave the CLI out

Each model runs in processes of its own: one that crashes or hangs is one failure.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]
from dumps import detour  # noqa: E402
from zoo import store  # noqa: E402

LIMIT_S = 600
THREADS = (1, 2)


def finish(command):
    """("", stdout) or (what went wrong, "")"""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"no end within {LIMIT_S} s", ""
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        return f"exit code {done.returncode}: {''.join(last)[:300]}", ""
    return "", done.stdout


def run_python(folder, threads):
    fault, output = finish([sys.executable, str(Path(__file__).parent / "one.py"), str(folder), str(threads)])
    return fault or output.strip()


def input_words(folder, case):
    return [word for name, file in case["inputs"].items() for word in ("--input", f"{name}={folder / file}")]


def run_cli(folder, case, threads):
    command = [str(ROOT / "build" / "smeaton"), "run", str(folder / case["model"]), "--json"]
    command += ["--threads", str(threads), "--runs", "2", *input_words(folder, case)]
    command += ["--check", *(str(folder / file) for file in case["outputs"].values())]
    fault, output = finish(command)
    if fault:
        return fault
    try:
        result = json.loads(output)
    except json.JSONDecodeError as error:
        return f"--json printed no JSON object: {error}"
    missing = [key for key in ("latency_ms", "kernels", "outputs") if key not in result]
    return f"--json lacks {missing}" if missing else ""


def chosen(cases, only):
    words = [word for word in (only or "").split(",") if word]
    return [c for c in cases if not words or any(w in c["name"] or w == c["kind"] for w in words)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="parts of names, or kinds, with commas")
    parser.add_argument("--python", action="store_true", help="leave the CLI out")
    arguments = parser.parse_args()
    cases = chosen(store.write_index(), arguments.only)
    if not cases:
        raise SystemExit(f"no such model in {store.cache_root()}; run tools/models.py")
    failed = 0
    for case in cases:
        folder = store.cache_root() / case["folder"]
        start = time.monotonic()
        faults = []
        for threads in THREADS:
            roads = [("python", run_python(folder, threads))]
            if not arguments.python:
                roads.append(("cli", run_cli(folder, case, threads)))
            faults += [f"{road}, {threads} threads: {text}" for road, text in roads if text]
        if not arguments.python:
            wrong = detour(folder / case["model"], input_words(folder, case))
            faults += [f"emit: {wrong}"] if wrong else []
        failed += bool(faults)
        print(f"{'FAILED' if faults else 'ok':6} {case['name']} ({time.monotonic() - start:.1f} s)", flush=True)
        for fault in faults:
            print(f"       {fault}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

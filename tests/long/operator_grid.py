#!/usr/bin/env python
"""tests/long/operator_grid.py [--cases 20000] [--seed 0]: the operators of tests/operator_grid.py over that
many seeded cases; prints every case that differs, and exits with 1 where one does."""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "build" / "python"), str(ROOT / "tests")]
import operator_grid as grid  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    each = -(-arguments.cases // len(grid.KINDS))
    failed = 0
    for kind in grid.KINDS:
        start = time.perf_counter()
        judged, wrong = grid.run(kind, each, arguments.seed)
        took = time.perf_counter() - start
        print(f"{kind.__name__:20} {judged:6} cases  {len(wrong):4} differ  {took:6.1f} s", flush=True)
        for line in wrong:
            print(f"  {line}")
        failed += len(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Every extent from 1 to 300 of softmax, layer norm and 3x3 convolutions on the chips: none costs more than 1.5 times what
the next multiple of the unit does. The unit tests draw a few of them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main():
    subprocess.run(["cmake", "--build", "build", "--target", "driver_simulate_test"], cwd=ROOT, check=True)
    command = ["build/driver_simulate_test", "--gtest_filter=Ragged.*"]
    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"SMEATON_LONG": "1"}, stdout=subprocess.PIPE, text=True
    )
    print(ended.stdout)
    if ended.returncode != 0 or "1 test from 1 test suite ran" not in ended.stdout:
        sys.exit("ragged.py: some extent costs more than half as much again as the next multiple")


if __name__ == "__main__":
    main()

"""Predictions for real devices against measured rows: errors as fitted and with each device left out, intervals, bounds.

The rows are read where they lie and are no part of the project; what ships (machines/compare/efficiency.yaml) was fitted to them.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT.parent / "shared" / "data" / "measured" / "llm.csv"

if not ROWS.exists():
    print(f"devices: {ROWS} is not there; the errors stored with the shipped efficiencies are in machines/compare/efficiency.yaml")
    sys.exit(0)
command = [ROOT / "build" / "smeaton", "compare", "--calibrate", ROWS, "--models", ROOT / "machines" / "models"]
print(subprocess.run([*command, "--wide"], capture_output=True, text=True, check=True).stdout)
result = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
rows = [row for row in result["rows"] if row["left_out_s"] > 0]
inside = sum(row["low_s"] <= row["measured_s"] <= row["high_s"] for row in rows) / len(rows)
width = statistics.median(row["high_s"] / row["low_s"] for row in rows)
faster = [row for row in result["rows"] if row["measured_s"] < row["bound_s"]]
print(f"{len(rows)} rows left out with their device: {100 * inside:.0f} % inside their 80 % interval, median high / low {width:.2f}")
print(f"{len(faster)} of {len(result['rows'])} rows are faster than the roofline")
for device in sorted({row["device"] for row in rows if row["metric"] == "offline_throughput"}):
    errors = [row["measured_s"] / row["left_out_s"] - 1 for row in rows if row["device"] == device and row["metric"] == "offline_throughput"]
    print(f"MLPerf offline, {device} left out: {100 * min(errors):+.0f} to {100 * max(errors):+.0f} % ({len(errors)} rows)")

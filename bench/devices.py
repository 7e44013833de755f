"""Predictions for real devices against measured rows: errors as fitted and with each device left out, intervals, bounds; and how much
of that the choice of the formulas' forms makes: other forms, and a device whose form was chosen without it.

The rows are read where they lie and are no part of the project; what ships (machines/compare/efficiency.yaml) was fitted to them.
"""

import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT.parent / "shared" / "data" / "measured" / "llm.csv"

# What else could be fitted to rows of one sequence on llama.cpp: coefficients of cost/efficiency.h; the first is what ships.
FORMS = {
    "llama.cpp/16": ["memory,lanes,compute", "memory,compute", "memory,compute,launch_s", "memory,compute,step_s", "memory,compute,bytes_half"],
    "llama.cpp/4": ["memory,unpack,compute", "memory,lanes,compute", "memory,compute", "memory,compute,launch_s", "memory,compute,step_s"],
}

if not ROWS.exists():
    print(f"devices: {ROWS} is not there; the errors stored with the shipped efficiencies are in machines/compare/efficiency.yaml")
    sys.exit(0)


def calibrated(rows, *words):
    command = [ROOT / "build" / "smeaton", "compare", "--calibrate", rows, "--models", ROOT / "machines" / "models", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def error(rows):
    return statistics.mean(abs(row["left_out_s"] / row["measured_s"] - 1) for row in rows)


def left_out(rows, group, form):
    """Rows of a group, each predicted from rows of other devices, by quantity."""
    engine, width = group.split("/")
    result = json.loads(calibrated(rows, "--json", "--terms", f"{group}={form}"))["rows"]
    return [row for row in result if row["engine"] == engine and row["width"] == width and row["left_out_s"] > 0]


def sensitivity(group, forms, folder):
    """Errors of each form; and of devices whose form was chosen by the other devices' errors alone."""
    with open(ROWS) as file:
        table = [row for row in csv.DictReader(file) if "llama.cpp" in row["source"]]

    def without(device):
        path = Path(folder) / "rows.csv"
        with open(path, "w") as file:
            writer = csv.DictWriter(file, table[0].keys())
            writer.writeheader()
            writer.writerows(row for row in table if row["hardware"] != device)
        return path

    by_form = {form: left_out(without(None), group, form) for form in forms}
    for form, rows in by_form.items():
        errors = {q: error([r for r in rows if r["quantity"] == q]) for q in ("decode", "prefill")}
        print(f"  {form:<26} decode {100 * errors['decode']:5.1f} %   prefill {100 * errors['prefill']:5.1f} %")
    lines = {int(row["line"]): row for rows in by_form.values() for row in rows}
    hardware = {line: table[line - 2]["hardware"] for line in lines}
    nested = []
    for device in sorted(set(hardware.values())):
        rest = without(device)
        chosen = min(forms, key=lambda form: error([r for r in left_out(rest, group, form) if r["quantity"] == "decode"]))
        nested += [r for r in by_form[chosen] if hardware[r["line"]] == device]
        print(f"    without {device}: the others choose {chosen}")
    for quantity in ("decode", "prefill"):
        print(f"  form chosen without the device: {quantity} {100 * error([r for r in nested if r['quantity'] == quantity]):.1f} %")


print(calibrated(ROWS, "--wide"))
result = json.loads(calibrated(ROWS, "--json"))
rows = [row for row in result["rows"] if row["left_out_s"] > 0]
inside = sum(row["low_s"] <= row["measured_s"] <= row["high_s"] for row in rows) / len(rows)
width = statistics.median(row["high_s"] / row["low_s"] for row in rows)
print(f"{len(rows)} rows left out with their device: {100 * inside:.0f} % inside their 80 % interval, median high / low {width:.2f}")
faster = [row for row in result["bounds"] if row["measured_s"] < row["bound_s"]]
print(f"{len(faster)} of {len(result['bounds'])} rows are faster than the roofline")
for device in sorted({row["device"] for row in rows if row["metric"] == "offline_throughput"}):
    errors = [row["measured_s"] / row["left_out_s"] - 1 for row in rows if row["device"] == device and row["metric"] == "offline_throughput"]
    print(f"MLPerf offline, {device} left out: {100 * min(errors):+.0f} to {100 * max(errors):+.0f} % ({len(errors)} rows)")
with tempfile.TemporaryDirectory() as folder:
    for group, forms in FORMS.items():
        print(f"{group}, each device left out, by form:")
        sensitivity(group, forms, folder)

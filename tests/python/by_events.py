"""The closed form beside the walk by events, kernel by kernel."""

import json

from models import smeaton


def told(path, machine, *options, limit_s=60):
    ended = smeaton("simulate", path, "--machine", machine, "--json", *options, limit_s=limit_s)
    assert ended.code == 0, ended.err or f"ended with {ended.code} after {ended.seconds:.0f} s"
    return json.loads(ended.out)


def compared(path, machine, *options, limit_s=60):
    """The kernels by the closed form and by events: `kernels`, how many; `off`, those whose times differ, {name: (closed,
    events)} in cycles; `unequal`, what is amiss with their bytes and multiply-adds; `macs`, of one run."""
    run = told(path, machine, "--events", *options, limit_s=limit_s)
    cycles_per_us = run["events"]["total_cycles"] / run["events"]["time_ms"] / 1e3
    macs = {row["name"]: row["macs"] for row in run["nodes"]}
    off, unequal = {}, []
    rows = [kernel for kernel in run["kernels"] if not kernel["once"]]
    for kernel in rows:
        name, by_events = kernel["name"], kernel["events"]
        closed, events = kernel["time_us"] * cycles_per_us, by_events["time_us"] * cycles_per_us
        if abs(closed - events) > max(100, 0.02 * events):
            off[name] = (round(closed), round(events))
        for level, here in kernel["bytes"].items():
            if abs(here - by_events["bytes"][level]) > 1e-6 * here:
                unequal.append(f"{name}: {level} {here:.0f} in closed form, {by_events['bytes'][level]:.0f} by events")
        here, there = macs[name], by_events["macs"]
        if abs(here - there) > 1e-6 * here:
            unequal.append(f"{name}: multiply-adds {here:.0f} in closed form, {there:.0f} by events")
    return {"kernels": len(rows), "off": off, "unequal": unequal, "macs": run["macs"]}

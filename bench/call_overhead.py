#!/usr/bin/env python3
"""What one Session.run costs: a model of one Relu over 1×16, Smeaton and ONNX Runtime in one process,
turn by turn. Prints microseconds per call and the median ratio."""

import sys
import time
from statistics import median

import numpy as np
import onnxruntime
import smeaton
from onnx import TensorProto, helper

CALLS, ROUNDS = 2000, 31


def one_relu():
    info = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [info("x")], [info("y")])
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def seconds_per_call(session, feeds):
    run = session.run
    start = time.perf_counter()
    for _ in range(CALLS):
        run(None, feeds)
    return (time.perf_counter() - start) / CALLS


def main():
    model = one_relu()
    feeds = {"x": np.linspace(-1, 1, 16, dtype=np.float32).reshape(1, 16)}
    sessions = [smeaton.Session(model), onnxruntime.InferenceSession(model)]
    for session in sessions:
        seconds_per_call(session, feeds)
    times = [[seconds_per_call(s, feeds) for s in sessions] for _ in range(ROUNDS)]
    ours, theirs = (1e6 * median(column) for column in zip(*times))
    ratio = median(a / b for a, b in times)
    print(f"one Relu, 1x16: smeaton {ours:.2f} us, onnxruntime {theirs:.2f} us, ratio {ratio:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

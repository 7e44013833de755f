"""ONNX's Backend interface."""

import numpy as np
import onnx
import pytest
import smeaton
import smeaton.backend
from onnx import helper


def test_a_node_runs_and_its_outputs_have_names():
    node = helper.make_node("Sub", ["a", "b"], ["difference"])
    a, b = np.float32([5, 7]), np.float32([1, 2])
    result = smeaton.backend.run_node(node, [a, b])
    np.testing.assert_array_equal(result.difference, a - b)


def test_inputs_go_by_position_or_by_name():
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "neg", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    prepared = smeaton.backend.prepare(model)
    value = np.float32([1, -2])
    np.testing.assert_array_equal(prepared.run([value])[0], -value)
    np.testing.assert_array_equal(prepared.run({"x": value})[0], -value)


def test_an_unsupported_operator_is_refused_by_name():
    node = helper.make_node("StringConcat", ["a", "b"], ["c"])
    strings = np.array(["x"], dtype=object)
    with pytest.raises(smeaton.UserError, match="StringConcat"):
        smeaton.backend.run_node(node, [strings, strings])


def test_only_the_cpu_is_a_device():
    assert smeaton.backend.supports_device("CPU")
    assert not smeaton.backend.supports_device("CUDA:0")
    with pytest.raises(smeaton.UserError, match="CUDA"):
        smeaton.backend.prepare(onnx.ModelProto(), device="CUDA")

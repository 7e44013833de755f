"""Corners of operators where ONNX leaves room or files take liberties: as ONNX Runtime does it, exactly
for integers, and NaN and infinity in the same places."""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import smeaton

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from compare import difference  # noqa: E402

F32 = np.float32
INF, NAN = np.inf, np.nan


def model_of(nodes, feeds, outputs, opset, weights):
    kind = lambda value: helper.np_dtype_to_tensor_dtype(value.dtype)
    graph = helper.make_graph(
        nodes,
        "corner",
        [helper.make_tensor_value_info(name, kind(v), v.shape) for name, v in feeds.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8 if opset < 21 else 10
    return model.SerializeToString()


def check(nodes, feeds, opset=17, outputs=("y",), **weights):
    """One node or more: the outputs of Smeaton are those of ONNX Runtime."""
    nodes = nodes if isinstance(nodes, list) else [nodes]
    model = model_of(nodes, feeds, outputs, opset, weights)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    expected = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    ).run(None, feeds)
    got = smeaton.Session(model, threads=1).run(None, feeds)
    for name, a, b in zip(outputs, got, expected):
        fault = difference(a, b)
        assert not fault, f"{name}: {fault}\n{a}\nexpected\n{b}"


def refusal(nodes, feeds, opset=17, **weights):
    model = model_of(nodes if isinstance(nodes, list) else [nodes], feeds, ("y",), opset, weights)
    with pytest.raises(smeaton.UserError) as caught:
        smeaton.Session(model, threads=1).run(None, feeds)
    return str(caught.value)


def node(op, inputs="x", outputs="y", **attributes):
    return helper.make_node(op, inputs.split(","), outputs.split(","), name="n", **attributes)


OUT_OF_RANGE = [1e10, -1e10, 3e9, 300, -300, 7e4, NAN, INF, -INF, 2.7, -2.7, 1e20, -1e20, 2**31, -128, 255.5]


@pytest.mark.parametrize("to", ["int8", "int16", "int32", "int64", "uint8", "uint16"])
@pytest.mark.parametrize("start", ["float32", "float64", "float16"])
def test_a_cast_out_of_range_wraps_as_x86_does(start, to):
    with np.errstate(over="ignore"):
        x = np.array(OUT_OF_RANGE * 3, start)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(to))
    check(node("Cast", to=kind), {"x": x})


def test_a_constant_cast_is_the_cast_at_run_time():
    weights = {"w": np.array([300.0, -3.5, NAN], F32), "s": np.array(300.0, F32)}
    casts = [helper.make_node("Cast", [w], [y], to=TensorProto.UINT8) for w, y in ("wa", "sb")]
    check(casts, {}, outputs=("a", "b"), **weights)


@pytest.mark.parametrize("operands", ["x,low", "x,,high", "x", "x,low,high"])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_an_end_that_clip_lacks_is_the_last_finite_number(operands, kind):
    x = np.array([NAN, INF, -INF, 1, -1, 9], kind)
    ends = {"low": np.array(0, kind), "high": np.array(6, kind)}
    check(node("Clip", operands), {"x": x}, 13, **{k: v for k, v in ends.items() if k in operands})


@pytest.mark.parametrize("attributes", [{"min": 0.0}, {"max": 6.0}, {}])
def test_clip_of_old_files_has_finite_ends_too(attributes):
    check(node("Clip", **attributes), {"x": np.array([INF, -INF, 1, -1, 9], F32)}, 9)


@pytest.mark.parametrize("end", [2**31 - 1, 2**63 - 1])
def test_the_greatest_end_of_a_slice_is_all_the_rest_backwards_too(end):
    x = np.arange(12, dtype=F32).reshape(3, 4)
    ints = lambda *v: np.array(v, np.int64)
    check(node("Slice", "x,s,e,a,t"), {"x": x}, s=ints(-1), e=ints(end), a=ints(1), t=ints(-1))


@pytest.mark.parametrize("opset", [7, 10, 11, 12, 13])
def test_the_mask_of_a_dropout(opset):
    check(node("Dropout", outputs="y,m"), {"x": np.ones(3, F32)}, opset, ("y", "m"))


BOOL_TAKES_NO_ARITHMETIC = [
    node("ReduceSum"), node("ReduceProd"), node("ReduceMean"), node("ReduceL2"), node("ArgMax"),
    node("Add", "x,x"), node("Mul", "x,x"), node("Div", "x,x"), node("Pow", "x,x"), node("Max", "x,x"),
    node("GreaterOrEqual", "x,x"), node("Less", "x,x"), node("Mod", "x,x"), node("CumSum", "x,k"),
    node("TopK", "x,k", "y,i"), node("Abs"), node("Relu"), node("Sign"), node("Erf"), node("Softmax"),
]  # fmt: skip


@pytest.mark.parametrize("of_bool", BOOL_TAKES_NO_ARITHMETIC, ids=lambda n: n.op_type)
def test_arithmetic_on_bool_is_refused_by_type(of_bool):
    message = refusal(of_bool, {"x": np.ones(3, bool)}, k=np.array([1], np.int64))
    assert f"node 'n' ({of_bool.op_type})" in message and "'x' bool[3]" in message


def test_erf_of_integers_is_refused_by_type():
    assert "operand 'x' i32[3] must be a float type" in refusal(node("Erf"), {"x": np.ones(3, np.int32)})


def image(height, width, kind=F32):
    rng = np.random.default_rng(height * width)
    return (rng.standard_normal((1, 2, height, width)) * 50 + 100).astype(kind)


def floats(*values):
    return np.array(values, F32)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("factor", [2.0, 1.5])
def test_upsample_of_old_files(mode, factor):
    x = {"x": image(5, 4)}
    check(node("Upsample", mode=mode, scales=[1.0, 1.0, factor, 2.0]), x, 7)
    check(node("Upsample", "x,s", mode=mode), x, 9, s=floats(1, 1, factor, 2))
    message = refusal(node("Upsample", "x,s", mode=mode), x, 11, s=floats(1, 1, factor, 2))
    assert "node 'n' (Upsample)" in message


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_version_10_resizes_smaller_by_ceiling(mode):
    check(node("Resize", "x,s", mode=mode), {"x": image(7, 5)}, 10, s=floats(1, 1, 0.6, 0.3))


@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "asymmetric", "align_corners"])
def test_which_pixel_is_nearest_hangs_on_single_precision(nearest, coordinates):
    modes = {"nearest_mode": nearest, "coordinate_transformation_mode": coordinates}
    for factor in (0.3, 2.7, 1.5):
        check(node("Resize", "x,,s", **modes), {"x": image(11, 8)}, 13, s=floats(1, 1, factor, factor))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_corners_are_aligned_to_whole_pixels(mode):
    modes = {"mode": mode, "coordinate_transformation_mode": "align_corners"}
    check(node("Resize", "x,,s", **modes), {"x": image(5, 5)}, 13, s=floats(1, 1, 1.5, 0.3))


def test_a_dim_that_stays_is_not_shifted():
    modes = {"mode": "linear", "coordinate_transformation_mode": "tf_half_pixel_for_nn"}
    check(node("Resize", "x,r,s", **modes), {"x": image(4, 4)}, 11, r=floats(), s=floats(1, 1, 1.5, 2))
    modes = {"mode": "cubic", "coordinate_transformation_mode": "pytorch_half_pixel"}
    check(node("Resize", "x,,s", **modes), {"x": image(4, 5)}, 13, s=floats(1, 1, 1, 0.3))
    check(node("Resize", "x,,s", mode="linear"), {"x": image(5, 5)}, 13, s=floats(1, 1, 1.1, 1.1))


def test_a_region_does_not_shrink_the_output():
    modes = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"}
    region = floats(0, 0, 0.25, 0.25, 1, 1, 0.75, 0.75)
    check(node("Resize", "x,r,s", **modes), {"x": image(8, 8)}, 13, r=region, s=floats(1, 1, 2, 2))


@pytest.mark.parametrize("kind", ["uint8", "int32"])
def test_integers_blend_to_the_last_bit(kind):
    x = image(11, 13, kind)
    for factor in (0.6, 1.7, 2.0):
        check(node("Resize", "x,,s", mode="linear"), {"x": x}, 13, s=floats(1, 1, factor, factor))
        check(node("Resize", "x,,s", mode="linear"), {"x": x}, 13, s=floats(1, 1, 1, factor))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    check(node("Resize", "x,,s", mode="linear"), {"x": last}, 13, s=floats(1, 1.7, 1.3, 1))
    check(node("Resize", "x,,s", mode="linear"), {"x": x[0]}, 13, s=floats(1, 1.7, 1.3))


@pytest.mark.parametrize("pad", ["SAME_UPPER", "SAME_LOWER"])
def test_a_transposed_convolution_with_gaps_crops_nothing(pad):
    weight = np.ones((2, 3, 2), F32)
    attributes = {"auto_pad": pad, "strides": [4]}
    check(node("ConvTranspose", "x,w", **attributes), {"x": np.ones((1, 2, 3), F32)}, w=weight)


def test_a_transposed_convolution_cropped_to_nothing_is_refused():
    cropped = node("ConvTranspose", "x,w", pads=[1, 1])
    message = refusal(cropped, {"x": np.ones((1, 2, 1), F32)}, w=np.ones((2, 3, 2), F32))
    assert "leave none of the 2 rows" in message


@pytest.mark.parametrize("kind", ["uint8", "int8", "int32"])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_integers_are_antialiased_with_rounding(mode, kind):
    x = image(23, 17, kind)
    sizes = lambda *v: np.array(v, np.int64)
    for outside in (0, 1):
        resize = node("Resize", "x,,,z", mode=mode, antialias=1, exclude_outside=outside)
        for shape in ((7, 5), (23, 6), (11, 30)):
            check(resize, {"x": x}, 18, z=sizes(1, 2, *shape))
        last = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        check(resize, {"x": last}, 18, z=sizes(1, 9, 8, 2))


def test_an_empty_list_of_axes_squeezes_all_ones():
    check(node("Squeeze", "x,a"), {"x": np.ones((1, 5, 1), F32)}, a=np.array([], np.int64))


EMPTY = np.ones((0, 3), F32)
LEAVES_NOTHING = [
    (node("Pad", "x,p"), np.ones((7, 1), F32), {"p": np.array([1, 0, 1, -1])}),
    (node("ReduceSum", "x,a"), EMPTY, {"a": np.array([1])}),
    (node("Softmax"), EMPTY, {}),
    (node("TopK", "x,k", "y,i"), EMPTY, {"k": np.array([2])}),
    (node("CumSum", "x,a"), EMPTY, {"a": np.array(1)}),
    (node("Gemm", "x,w"), EMPTY, {"w": np.ones((3, 4), F32)}),
    (node("Concat", "x,x", axis=0), EMPTY, {}),
    (node("Einsum", "x,w", equation="ij,jk->ik"), EMPTY, {"w": np.ones((3, 4), F32)}),
    (node("LayerNormalization", "x,s"), EMPTY, {"s": np.ones(3, F32)}),
    (node("Tile", "x,r"), np.ones((2, 3), F32), {"r": np.array([0, 2])}),
]


@pytest.mark.parametrize("one,x,weights", LEAVES_NOTHING, ids=lambda v: getattr(v, "op_type", ""))
def test_an_empty_output_is_an_output(one, x, weights):
    check(one, {"x": x}, 13 if one.op_type != "LayerNormalization" else 17, one.output, **weights)


def test_a_pad_that_crops_to_nothing_gives_nothing():
    crop = {"p": np.array([1, 0, 1, -1])}
    model = model_of([node("Pad", "x,p", mode="reflect")], {"x": np.ones((7, 1), F32)}, ("y",), 13, crop)
    (y,) = smeaton.Session(model).run(None, {"x": np.ones((7, 1), F32)})
    assert y.shape == (9, 0)


def test_padded_channels_are_set_where_the_convolution_before_them_left_other_numbers():
    rng = np.random.default_rng(1)
    weight = lambda *shape: rng.standard_normal(shape).astype(F32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1] * 4, name="a"),
        helper.make_node("Conv", ["a", "v"], ["b"], pads=[1] * 4, name="b"),
        helper.make_node("Pad", ["b", "p"], ["y"], name="y"),
    ]
    pads = np.array([0, 0, 2, 2, 1, 2, 1, 2], np.int64)
    for channels in (1, 5, 16):
        weights = {"w": weight(24, 3, 3, 3), "v": weight(channels, 24, 3, 3), "p": pads}
        check(nodes, {"x": weight(1, 3, 6, 9)}, **weights)

import os
import tempfile
from typing import NamedTuple

import numpy

from . import _core

# Element types that numpy lacks and ml_dtypes has, one byte or two each.
_ML_DTYPES = {
    "bf16": "bfloat16",
    "f8e4m3fn": "float8_e4m3fn",
    "f8e4m3fnuz": "float8_e4m3fnuz",
    "f8e5m2": "float8_e5m2",
    "f8e5m2fnuz": "float8_e5m2fnuz",
    "f8e8m0": "float8_e8m0fnu",
}

_ONNX_TYPES = {
    "bool": "bool",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "u8": "uint8",
    "u16": "uint16",
    "u32": "uint32",
    "u64": "uint64",
    "f16": "float16",
    "bf16": "bfloat16",
    "f32": "float",
    "f64": "double",
    "string": "string",
}


def _register_ml_dtypes():
    try:
        import ml_dtypes
    except ImportError:
        return  # a model with such an output then gets a message that names ml_dtypes
    for name, attribute in _ML_DTYPES.items():
        if hasattr(ml_dtypes, attribute):
            _core.register_dtype(numpy.dtype(getattr(ml_dtypes, attribute)), name)


_register_ml_dtypes()


class NodeArg(NamedTuple):
    """An input or output: sizes that the model leaves open are names (strings)."""

    name: str
    shape: list
    type: str  # "tensor(float)", as ONNX Runtime spells it


def _node_args(ports):
    return [
        NodeArg(name, shape, f"tensor({_ONNX_TYPES.get(dtype, dtype)})")
        for name, dtype, shape in ports
    ]


class Session(_core.Session):
    """A model compiled for this machine. Safe to call from several threads.

    path: an ONNX file, or the bytes of one. threads: 0 takes what affinity and cgroup quota allow.
    dims: {"NAME": size} or {"INPUT:AXIS": size} for sizes that no input gives. isa: "avx512", "avx2" or
    "plain" forces an instruction set. skip: rewrites and passes to leave out. state: {INPUT: OUTPUT}
    keeps the input between runs: it starts at the initializer of that name, else at zeros, and takes
    the output's value after each run; state() reads it, set_state() sets it. run() gives the outputs
    that go into a state only where they are asked for by name.

    Inputs of new shapes just work: each combination is compiled once and kept.
    """

    def __init__(
        self,
        path,
        *,
        threads=0,
        dims=None,
        isa="",
        skip=(),
        cache_folder="",
        dump_folder="",
        state=None,
    ):
        options = (
            threads,
            dict(dims or {}),
            isa,
            list(skip),
            str(cache_folder),
            str(dump_folder),
            dict(state or {}),
        )
        if not isinstance(path, (bytes, bytearray, memoryview)):
            super().__init__(os.fspath(path), *options)
            return
        with tempfile.TemporaryDirectory(prefix="smeaton-") as folder:
            file = os.path.join(folder, "model.onnx")
            with open(file, "wb") as out:
                out.write(path)
            super().__init__(file, *options)

    def get_inputs(self):
        return _node_args(self._inputs())

    def get_outputs(self):
        return _node_args(self._outputs())

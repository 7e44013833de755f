import os
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy

from . import _core
from ._arguments import Model, dims_of, model_file, texts_of

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


def _register_ml_dtypes() -> None:
    try:
        import ml_dtypes
    except ImportError:
        return  # a model with such an output then gets a message that names ml_dtypes
    for name, attribute in _ML_DTYPES.items():
        if hasattr(ml_dtypes, attribute):
            _core.register_dtype(numpy.dtype(getattr(ml_dtypes, attribute)), name)


_register_ml_dtypes()


class NodeArg(NamedTuple):
    """An input or output: its name, its sizes, its type as ONNX Runtime spells it.

    shape: one entry per dim, a number or the name of an open size, which `dims=` of Session takes as it
    stands; None where not even the number of dims is known. type: "tensor(float)", "tensor(int64)", …
    """

    name: str
    shape: list[int | str] | None
    type: str


def _node_args(ports: list[tuple[str, str, list[int | str] | None]]) -> list[NodeArg]:
    return [
        NodeArg(name, shape, f"tensor({_ONNX_TYPES.get(dtype, dtype)})")
        for name, dtype, shape in ports
    ]


def _refuse_habits(positional: tuple[object, ...], named: dict[str, object]) -> None:
    """What users of ONNX Runtime are used to and find no more here."""
    if positional:
        raise TypeError(
            "Session takes one positional argument, the model; write Session(model, threads=2, …)"
        )
    for name in named:
        if name in ("providers", "provider_options"):
            raise TypeError(f"Session has no '{name}': it runs on the CPU of this machine")
        if name == "sess_options":
            raise TypeError("Session has no 'sess_options': threads=, isa=, skip= are its options")
        raise TypeError(f"Session has no argument '{name}'")


class Session(_core.Session):
    """A model compiled for this machine. Safe to call from several threads.

    path: an ONNX file, or the bytes of one.
    threads: 0 takes what affinity and cgroup quota allow; at most 1024.
    dims: {"NAME": size} or {"INPUT:AXIS": size} for sizes that no input gives.
    isa: "avx512bf16", "avx512", "avx2" or "plain" forces an instruction set; "": the best there is.
    skip: names of rewrites and passes to leave out.
    cache_folder: where compiled kernels lie; "": the user's cache folder.
    dump_folder: gets NN.stage.txt after every stage; "": no dumps.
    state: {INPUT: OUTPUT} keeps the input between runs: it starts at the initializer of that name, else at
    zeros, and takes the output's value after each run; state() reads it, set_state() sets it. run() gives
    the outputs that go into a state only where they are asked for by name.
    parallel: "off", or kernels side by side: "auto" (where it measures faster here, timed once and kept in
    the cache folder), "linear", "list", "exact", "ilp", "cpsat". No bit of a result depends on it;
    parallel(feeds) tells what runs.

    compile: how code comes for shapes that run() meets first. "full": optimised before it runs, which takes
    seconds. "quick": with flags that compile sooner; the optimised code is compiled behind the runs, with
    little priority, and takes its place between two of them. Outputs are the same, bit for bit. "auto":
    full for the first shapes of the session, quick for others. prepare() always compiles in full, and so
    does run() with `parallel`, since schedules hang on times.
    kept: compiled forms that are kept, one for each combination of shapes; the least recently used goes.
    bucket: {"INPUT:AXIS": multiple} or {"NAME": multiple} rounds open sizes up to a multiple, so that inputs
    of nearby sizes share a form: inputs are padded with zeros behind what is fed, outputs cut where their
    sizes follow from such a size. The model runs on the zeros too: that is right only where they change
    nothing that is kept (a mask covers them, or each output depends on a bounded neighbourhood alone).
    UserError where an output has a size that does not follow from those of the inputs.

    Inputs of new shapes just work: run() compiles for each combination of shapes once, and says so in one
    warning on the logger "smeaton", but for the first.
    UserError (a ValueError) on a file that cannot be read, a node that is not supported, an option that
    says nothing; RuntimeWarning where there are more threads than cores, or fewer can be started.
    """

    def __init__(
        self,
        path: Model,
        *positional: object,
        threads: int = 0,
        dims: Mapping[str, int] | None = None,
        isa: str = "",
        skip: str | Sequence[str] = (),
        cache_folder: str | os.PathLike[str] = "",
        dump_folder: str | os.PathLike[str] = "",
        state: Mapping[str, str] | None = None,
        compile: str = "auto",
        kept: int = 32,
        bucket: Mapping[str, int] | None = None,
        parallel: str = "off",
        **named: object,
    ) -> None:
        _refuse_habits(positional, named)
        options = (
            threads,
            dims_of(dims),
            isa,
            texts_of("skip", skip),
            str(cache_folder),
            str(dump_folder),
            dict(state or {}),
            compile,
            kept,
            dims_of(bucket, "bucket"),
            parallel,
        )
        with model_file(path) as file:
            super().__init__(file, *options)
        for warning in self._warnings():
            warnings.warn(warning, RuntimeWarning, stacklevel=2)

    def get_inputs(self) -> list[NodeArg]:
        """The inputs that must be fed, in the file's order."""
        return _node_args(self._inputs())

    def get_overridable_initializers(self) -> list[NodeArg]:
        """Inputs that have a value in the file, which is taken where none is fed."""
        return _node_args(self._overridable())

    def get_outputs(self) -> list[NodeArg]:
        """The outputs, in the file's order; sizes as the file declares them, else as inferred."""
        return _node_args(self._outputs())

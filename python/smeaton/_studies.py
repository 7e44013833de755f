"""What the command line's inspect, simulate and study say, as Python objects."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy

from . import _core
from ._arguments import Model, dims_of, model_file, texts_of

if TYPE_CHECKING:
    from ._core import Feeds

Result = dict[str, Any]


def _bindings(dims: Mapping[str, int] | None) -> list[str]:
    return [f"{name}={size}" for name, size in dims_of(dims).items()]


@contextmanager
def _input_files(feeds: "Feeds | None") -> Iterator[list[str]]:
    """NAME=FILE for each array, in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="smeaton-") as folder:
        files = []
        for number, (name, value) in enumerate((feeds or {}).items()):
            file = os.path.join(folder, f"{number}.npy")
            numpy.save(file, numpy.asarray(value))
            files.append(f"{name}={file}")
        yield files


def inspect(
    model: Model,
    *,
    dims: Mapping[str, int] | None = None,
    memory: bool = False,
    blocks: bool = False,
    threads: int = 0,
) -> Result:
    """Inputs, outputs, operators, parameters, operations and bytes of a model, what is not supported.

    model: an ONNX file, or the bytes of one. dims: sizes of symbolic dims, by name or as INPUT:AXIS.
    memory: compile too, and say how much memory a run takes (with `threads` workers; 0: all cores).
    blocks: find the layers that repeat. The keys are those of `smeaton inspect --json` (docs/json.md):
    `flops`, `read_bytes`, `weights_bytes`, `nodes`, …; a figure that depends on an open size is its
    formula, as a string. UserError on a file that cannot be read.
    """
    with model_file(model) as file:
        result: Result = json.loads(
            _core._inspect(file, _bindings(dims), bool(memory), bool(blocks), threads)
        )
    return result


def simulate(
    model: Model,
    machine: str | os.PathLike[str] = "",
    *,
    feeds: "Feeds | None" = None,
    dims: Mapping[str, int] | None = None,
    threads: int = 0,
    skip: str | Sequence[str] = (),
) -> Result:
    """What the model would take on a described machine, kernel by kernel.

    machine: a YAML file, or a name of machines(); "": this machine, measured (ten seconds, once).
    feeds: {input: array} gives sizes and what depends on values; the rest is random, with the sizes in
    `dims`. threads: 0: all cores of that machine. skip: rewrites to leave out. The keys are those of
    `smeaton simulate --json` (docs/json.md): `time_ms`, `time_range_ms`, `kernels` with `time_us`,
    `bound`, `bytes` by level, … UserError on a file that cannot be read and on open sizes.
    """
    with model_file(model) as file, _input_files(feeds) as inputs:
        result: Result = json.loads(
            _core._simulate(
                file, os.fspath(machine), inputs, _bindings(dims), threads, texts_of("skip", skip)
            )
        )
    return result


def study(
    model: Model,
    report: str | os.PathLike[str] = "",
    *,
    feeds: "Feeds | None" = None,
    dims: Mapping[str, int] | None = None,
    machines: str | Sequence[str | os.PathLike[str]] = (),
    threads: int = 0,
    runs: int = 10,
    warmup: int = 2,
    onnx_runtime: bool = True,
) -> Result:
    """Everything about one model: run and timed here, each kernel beside what this machine allows,
    predicted for other machines, compared with ONNX Runtime where that is installed.

    report: where the HTML report goes; "": none is written. machines: files or names to predict for;
    (): all that ship. runs: timed runs, after `warmup`. The keys are those of `smeaton study --json`
    (docs/json.md): `latency_ms`, `kernels`, `operators`, `machines`, … UserError as inspect, and where
    the report cannot be written, before anything is measured.
    """
    with model_file(model) as file, _input_files(feeds) as inputs:
        result: Result = json.loads(
            _core._study(
                file,
                os.fspath(report),
                inputs,
                _bindings(dims),
                texts_of("machines", machines),
                threads,
                runs,
                warmup,
                bool(onnx_runtime),
            )
        )
    return result


def machines() -> list[str]:
    """Names of the machine descriptions that ship; simulate() and study() take them."""
    return _core._machine_names()


def machine_text(name: str | os.PathLike[str]) -> str:
    """The YAML of a description that ships, or of a file: to read, or to change and simulate on.

    UserError where there is neither.
    """
    return _core._machine_text(os.fspath(name))

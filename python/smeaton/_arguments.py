"""What several public functions take, brought into the form that the bindings want."""

import operator
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

Model: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview


@contextmanager
def model_file(model: Model) -> Iterator[str]:
    """The path of the model; bytes are written to a file that goes afterwards."""
    if not isinstance(model, (bytes, bytearray, memoryview)):
        yield os.fspath(model)
        return
    with tempfile.TemporaryDirectory(prefix="smeaton-") as folder:
        file = os.path.join(folder, "model.onnx")
        with open(file, "wb") as out:
            out.write(model)
        yield file


def dims_of(dims: Mapping[str, int] | None, what: str = "dims") -> dict[str, int]:
    """Sizes by name. TypeError for what is no mapping of names to whole numbers. what: the argument."""
    if dims is None:
        return {}
    if not isinstance(dims, Mapping):
        raise TypeError(f"{what}: expected a dict such as {{'N': 4}}, got {type(dims).__name__}")
    sizes = {}
    for name, size in dims.items():
        if not isinstance(name, str):
            raise TypeError(f"{what}: {name!r}: expected a name, or 'INPUT:AXIS'")
        try:
            sizes[name] = operator.index(size)
        except TypeError:
            raise TypeError(f"{what}: {name!r} is {size!r}; expected a whole number") from None
        if sizes[name] < 0:
            raise ValueError(f"{what}: {name!r} is {size!r}; expected a whole number from 0 on")
    return sizes


def texts_of(what: str, values: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """A list of texts; one text is a list of one. TypeError for anything else."""
    if isinstance(values, (str, os.PathLike)):
        return [os.fspath(values)]
    texts = []
    for value in values:
        if not isinstance(value, (str, os.PathLike)):
            raise TypeError(f"{what}: {value!r}: expected a text")
        texts.append(os.fspath(value))
    return texts

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy
import numpy.typing

Feeds = Mapping[str, numpy.typing.ArrayLike]

class UserError(ValueError): ...
class InternalError(RuntimeError): ...

class Kernel(TypedDict):
    name: str
    ops: list[str]
    time_us: float
    flops: int
    bytes: dict[str, int]

class Judgement(TypedDict):
    kernel: str
    iterations: int
    of: int
    elements: int
    worst: float
    sensitivity: float
    holds: bool

def register_dtype(descr: numpy.dtype[Any], dtype: str) -> None: ...

class Session:
    def __init__(
        self,
        path: str,
        threads: int,
        dims: dict[str, int],
        isa: str,
        skip: list[str],
        cache_folder: str,
        dump_folder: str,
    ) -> None: ...
    def run(
        self, output_names: Sequence[str] | None, feeds: Feeds
    ) -> list[numpy.typing.NDArray[Any]]: ...
    def prepare(self, feeds: Feeds) -> float: ...
    def memory(self, feeds: Feeds) -> dict[str, int]: ...
    def profile(self, feeds: Feeds, runs: int = 10) -> list[Kernel]: ...
    def judge(self, feeds: Feeds, points: float = 2e7) -> list[Judgement]: ...
    def source(self, feeds: Feeds) -> list[str]: ...
    @property
    def threads(self) -> int: ...
    def _inputs(self) -> list[tuple[str, str, list[int | str] | None]]: ...
    def _overridable(self) -> list[tuple[str, str, list[int | str] | None]]: ...
    def _outputs(self) -> list[tuple[str, str, list[int | str] | None]]: ...
    def _warnings(self) -> list[str]: ...

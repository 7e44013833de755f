from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy
import numpy.typing

Feeds = Mapping[str, numpy.typing.ArrayLike]
Array = numpy.typing.NDArray[Any]
Ports = list[tuple[str, str, list[int | str] | None]]
Box = list[tuple[int, int]]
# point, criteria, cycles, why it is none
Found = tuple[list[int], list[float], list[float], str]
# evaluated, known before, refused, one refusal, bound on the time, the front is whole, its points, all points
Part = tuple[float, float, float, str, float, bool, list[Found], list[Found]]

class UserError(ValueError): ...
class InternalError(RuntimeError): ...

class Kernel(TypedDict):
    name: str
    ops: list[str]
    time_us: float
    flops: int
    bytes: dict[str, int]

class TriedWay(TypedDict):
    method: str
    hyper: str
    time_us: float

class Parallel(TypedDict):
    wanted: str
    method: str
    tried: str
    why: str
    threads: int
    machine: str
    kept: bool
    serial_us: float
    linear_us: float
    scheduled_us: float
    lower_bound_us: float
    critical_path_us: float
    work_us: float
    uncertainty: float
    ways: list[TriedWay]

class Apart(TypedDict):
    buffer: str
    element: int
    wanted: float
    found: float
    off: float
    spread: float

class Judgement(TypedDict):
    kernel: str
    iterations: int
    of: int
    elements: int
    worst: float
    ill_conditioned: int
    worst_ill: Apart
    wrong: Apart
    holds: bool

def register_dtype(descr: numpy.dtype[Any], dtype: str) -> None: ...
def _differentiable() -> list[str]: ...

def _inspect(model: str, dims: list[str], memory: bool, blocks: bool, threads: int) -> str: ...
def _simulate(
    model: str, machine: str, inputs: list[str], dims: list[str], threads: int, skip: list[str]
) -> str: ...
def _study(
    model: str,
    out: str,
    inputs: list[str],
    dims: list[str],
    machines: list[str],
    threads: int,
    runs: int,
    warmup: int,
    onnx_runtime: bool,
) -> str: ...
def _machine_names() -> list[str]: ...
def _machine_text(name: str) -> str: ...

class _Search:
    def __init__(self, **settings: Any) -> None: ...
    def run(self, out: str) -> str: ...
    def parts(self, count: int) -> list[Box]: ...
    def known_in(self, box: Box) -> list[Found]: ...
    def run_part(self, box: Box, best: float, known: list[Found]) -> Part: ...
    def keep(self, part: Part) -> None: ...
    def merged(self, parts: list[Part], out: str) -> str: ...

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
        state: dict[str, str],
        compile: str,
        kept: int,
        bucket: dict[str, int],
        parallel: str,
    ) -> None: ...
    def run(self, output_names: Sequence[str] | None, feeds: Feeds) -> list[Array]: ...
    def state(self) -> dict[str, Array]: ...
    def set_state(self, values: Feeds) -> None: ...
    def prepare(self, feeds: Feeds) -> float: ...
    def memory(self, feeds: Feeds) -> dict[str, int]: ...
    def profile(self, feeds: Feeds, runs: int = 10) -> list[Kernel]: ...
    def parallel(self, feeds: Feeds) -> Parallel: ...
    def judge(self, feeds: Feeds, points: float = 2e7) -> list[Judgement]: ...
    def source(self, feeds: Feeds) -> list[str]: ...
    @property
    def threads(self) -> int: ...
    def _inputs(self) -> Ports: ...
    def _overridable(self) -> Ports: ...
    def _outputs(self) -> Ports: ...
    def _warnings(self) -> list[str]: ...

class Trainer:
    def __init__(
        self,
        path: str,
        loss: str,
        loss_output: str,
        optimizer: str,
        learning_rate: float,
        settings: dict[str, float],
        freeze: list[str],
        training_form: bool,
        recompute: str,
        seed: int,
        threads: int,
        dims: dict[str, int],
        isa: str,
        skip: list[str],
        cache_folder: str,
        dump_folder: str,
        parallel: str,
    ) -> None: ...
    def step(self, feeds: Feeds) -> float: ...
    def prepare(self, feeds: Feeds) -> float: ...
    def parameters(self) -> dict[str, Array]: ...
    def set_parameters(self, values: Feeds) -> None: ...
    def state(self) -> dict[str, Array]: ...
    def load_state(self, values: Feeds) -> None: ...
    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @learning_rate.setter
    def learning_rate(self, rate: float) -> None: ...
    def _gradients(self, feeds: Feeds) -> tuple[float, dict[str, Array]]: ...
    def _judge(self, feeds: Feeds, points: float) -> list[Judgement]: ...
    def _profile(self, feeds: Feeds, runs: int) -> list[Kernel]: ...
    def _memory(self, feeds: Feeds) -> dict[str, int]: ...
    def _parallel(self, feeds: Feeds) -> Parallel: ...
    def _take_warnings(self) -> list[str]: ...
    def _save(self, path: str) -> None: ...
    def _save_step(self, path: str, feeds: Feeds) -> None: ...
    def _inputs(self) -> Ports: ...

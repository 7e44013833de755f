"""The best chips of a space, from Python: on this machine's cores, or over any executor."""

import functools
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from . import _core
from ._arguments import Model, dims_of, model_file

if TYPE_CHECKING:
    from ._core import Box, Found, Part

Result = dict[str, Any]
# What makes a _core._Search, by name; hashable, so that a worker sets up a search once.
Setting = tuple[tuple[str, Any], ...]

_PARTS = 64
_AT_ONCE = 16  # parts handed out at a time: the best of those that are done helps the rest


@functools.lru_cache(maxsize=2)
def _opened(setting: Setting) -> _core._Search:
    return _core._Search(**{name: list(value) if isinstance(value, tuple) else value for name, value in setting})


def _search_part(setting: Setting, box: "Box", best: float, known: "list[Found]") -> "Part":
    """A task: one part of the space, in whatever process the executor runs it."""
    return _opened(setting).run_part(box, best, known)


def _over(executor: Executor, search: _core._Search, setting: Setting, by: int) -> "list[Part]":
    """All parts, each by executor.submit; `by`: the place among the criteria of what is minimised."""
    waiting = search.parts(_PARTS)
    running: dict[Future[Part], int] = {}
    done: dict[int, Part] = {}
    best = 0.0
    for number, box in enumerate(waiting):
        running[executor.submit(_search_part, setting, box, best, search.known_in(box))] = number
        if len(running) < _AT_ONCE and number + 1 < len(waiting):
            continue
        while running and (len(running) >= _AT_ONCE or number + 1 == len(waiting)):
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                part = future.result()
                done[running.pop(future)] = part
                search.keep(part)
                found = [criteria[by] for _, criteria, _, _ in part[6]] + [best or float("inf")]
                best = min(found) if min(found) < float("inf") else 0.0
    return [done[number] for number in sorted(done)]


def search(
    space: str | os.PathLike[str],
    models: Model | Sequence[Model],
    *,
    model: str = "simdit",
    training: bool = False,
    inference: bool = False,
    batch: int = 0,
    dims: Mapping[str, int] | None = None,
    weights: Sequence[float] = (),
    baseline: str | os.PathLike[str] = "",
    objective: str = "time",
    economic: float = 0.05,
    exhaustive: bool = False,
    resplit: bool = False,
    log: str | os.PathLike[str] = "",
    out: str | os.PathLike[str] = "",
    time_limit: float | None = None,
    gap: float = 0.0,
    threads: int = 0,
    executor: Executor | None = None,
) -> Result:
    """The best chip of a space for one or several models, with a proof; the object of `smeaton search --json`.

    space: a SPACE.yaml (docs/search.md). models: ONNX files, or the bytes of them. model: what costs a
    point, "simdit" or "native". training: a step of training of each; inference: with it, inference too. weights: of
    the workloads in the time that is minimised; baseline: hardware that times count relative to. objective: "time", or
    "energy" where the space gives its prices. economic: the share by which an economic point may be above the best. exhaustive: every point.
    resplit: what buffers split anew by phase or layer would gain. log: a file that evaluations are kept in. out: an HTML
    page. time_limit: seconds; gap: the share of the best at which a search may end. threads: 0: all cores.
    executor: any of concurrent.futures' kind (a process pool, Dask's client.get_executor()): the space is
    cut into parts and every one goes through executor.submit, which needs the files at the same paths. A log
    is written here alone, part by part.

    UserError for a space that is empty or says nonsense, and for a model that the cost model does not take.
    """
    several = [models] if isinstance(models, (str, os.PathLike, bytes, bytearray, memoryview)) else models
    with ExitStack() as files:
        paths = tuple(os.path.abspath(files.enter_context(model_file(m))) for m in several)
        named = {
            "models": paths,
            "dims": tuple(f"{name}={size}" for name, size in dims_of(dims).items()),
            "weights": tuple(float(w) for w in weights),
            "space": os.path.abspath(space),
            "model": model,
            "training": bool(training),
            "inference": bool(inference),
            "batch": int(batch),
            "baseline": os.path.abspath(baseline) if baseline else "",
            "objective": objective,
            "economic": float(economic),
            "exhaustive": bool(exhaustive),
            "resplit": bool(resplit),
            "log": os.fspath(log),
            "gap": float(gap),
            "threads": threads,
        }
        if time_limit is not None:
            named["time_limit_s"] = float(time_limit)
        opened = _core._Search(**{n: list(v) if isinstance(v, tuple) else v for n, v in named.items()})
        if executor is None:
            result: Result = json.loads(opened.run(os.fspath(out)))
            return result
        one_thread = tuple((named | {"threads": 1}).items())
        parts = _over(executor, opened, one_thread, 1 if objective == "energy" else 0)
        result = json.loads(opened.merged(parts, os.fspath(out)))
        return result

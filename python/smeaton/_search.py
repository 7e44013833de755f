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
    from ._core import Box, Part

Result = dict[str, Any]
# What makes a _core._Search; hashable, so that a worker sets up a search once.
Setting = tuple[Any, ...]

_PARTS = 64
_AT_ONCE = 16  # parts handed out at a time: the best of those that are done helps the rest


@functools.lru_cache(maxsize=2)
def _opened(setting: Setting) -> _core._Search:
    models, dims, weights, *rest = setting
    space, model, training, inference, batch, baseline, objective, economic, exhaustive, resplit, log, limit, threads = rest
    return _core._Search(
        list(models),
        space,
        model,
        training,
        inference,
        batch,
        list(dims),
        list(weights),
        baseline,
        objective,
        economic,
        exhaustive,
        resplit,
        log,
        limit,
        threads,
    )


def _search_part(setting: Setting, box: "Box", known: float) -> "Part":
    """A task: one part of the space, in whatever process the executor runs it."""
    return _opened(setting).run_part(box, known)


def _over(executor: Executor, search: _core._Search, setting: Setting) -> "list[Part]":
    waiting = search.parts(_PARTS)
    running: dict[Future[Part], int] = {}
    done: dict[int, Part] = {}
    known = 0.0
    by = 1 if setting[9] == "energy" else 0  # place in the criteria
    for number, box in enumerate(waiting):
        running[executor.submit(_search_part, setting, box, known)] = number
        if len(running) < _AT_ONCE and number + 1 < len(waiting):
            continue
        while running and (len(running) >= _AT_ONCE or number + 1 == len(waiting)):
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                part = future.result()
                done[running.pop(future)] = part
                times = [criteria[by] for _, criteria, _ in part[5]] + [known or float("inf")]
                known = min(times) if min(times) < float("inf") else 0.0
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
    threads: int = 0,
    executor: Executor | None = None,
) -> Result:
    """The best chip of a space for one or several models, with a proof; the object of `smeaton search --json`.

    space: a SPACE.yaml (docs/search.md). models: ONNX files, or the bytes of them. model: what costs a
    point, "simdit". training: a step of training of each; inference: with it, inference too. weights: of
    the workloads in the time that is minimised; baseline: hardware that times count relative to. objective: "time", or
    "energy" where the space gives its prices. economic: the share by which an economic point may be above the best. exhaustive: every point.
    resplit: what buffers split anew by phase or layer would gain. log: a file that evaluations are kept in. out: an HTML
    page. time_limit: seconds. threads: 0: all cores.
    executor: any of concurrent.futures' kind (a process pool, Dask's client.get_executor()): the space is
    cut into parts and every one goes through executor.submit, which needs the files at the same paths.

    UserError for a space that is empty or says nonsense, for a model that the cost model does not take,
    and for `log` or `exhaustive` together with an executor.
    """
    several = [models] if isinstance(models, (str, os.PathLike, bytes, bytearray, memoryview)) else models
    with ExitStack() as files:
        paths = tuple(os.path.abspath(files.enter_context(model_file(m))) for m in several)
        setting: Setting = (
            paths,
            tuple(f"{name}={size}" for name, size in dims_of(dims).items()),
            tuple(float(w) for w in weights),
            os.path.abspath(space),
            model,
            bool(training),
            bool(inference),
            int(batch),
            os.path.abspath(baseline) if baseline else "",
            objective,
            float(economic),
            bool(exhaustive),
            bool(resplit),
            os.fspath(log),
            time_limit,
            threads,
        )
        if executor is None:
            result: Result = json.loads(_opened.__wrapped__(setting).run(os.fspath(out)))
            return result
        if exhaustive or log:
            raise _core.UserError("log and exhaustive go without an executor: its tasks write no common file")
        one_thread = setting[:-1] + (1,)
        opened = _opened.__wrapped__(setting)
        parts = _over(executor, opened, one_thread)
        result = json.loads(opened.merged(parts, os.fspath(out)))
        return result

#include "export/pytorch/runtime.h"

namespace smeaton::pytorch {

const char* const kAlone = R"(def alone(model: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Where the plan is one cluster: forward."""
    try:
        results = model.forward(*inputs)
    except Exception as error:
        raise RuntimeError("a cluster failed") from error
    return results if isinstance(results, tuple) else (results,))";

const RuntimeText kThreads = {R"(from collections.abc import Callable
from ctypes import CDLL
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Any, cast

import torch)",
                              R"(@cache
def openmp() -> CDLL | None:
    """GNU's OpenMP, on which PyTorch for Linux runs; None where it is another one."""
    try:
        library = CDLL("libgomp.so.1")
    except OSError:
        return None
    return library if hasattr(library, "omp_pause_resource_all") else None


def end_helpers() -> None:
    """Ends the threads over which this one's operators were split.

    Idle ones spin for milliseconds, on cores that other clusters need.
    """
    library = openmp()
    if library is not None:
        library.omp_pause_resource_all(1)


class Channel:
    """Values of one run on their way from one cluster to another.

    As a context it takes an error of a cluster and tells it to those that wait.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads  # intra-op, of all clusters together
        self.slots: dict[str, SimpleQueue[Any]] = {}
        self.error: BaseException | None = None

    def cores(self, count: int) -> None:
        """Operators that follow on this thread are split over so many of the plan's cores."""
        threads = max(1, self.threads * count // CORES)
        if threads < torch.get_num_threads():
            end_helpers()
        torch.set_num_threads(threads)

    def put(self, name: str, value: Tensor, readers: int = 1) -> None:
        """Hands `value` to so many readers."""
        slot = self.slots.setdefault(name, SimpleQueue())
        for _ in range(readers):
            slot.put(value)

    def get(self, name: str) -> Tensor:
        """Waits for a value. RuntimeError where a cluster failed."""
        slot = self.slots.setdefault(name, SimpleQueue())
        value = None if self.error else slot.get()
        if value is None:
            raise RuntimeError("a cluster failed") from self.error
        return cast(Tensor, value)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self.error = self.error or error
            for slot in list(self.slots.values()):
                for _ in CLUSTERS:
                    slot.put(None)
        return error is not None)",
                              R"(class Worker(Thread):
    """A thread that lives as long as the process and runs what is put into `jobs`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.start()

    def run(self) -> None:
        while True:
            self.jobs.get()()


WORKERS: list[Worker] = []
LOCK = Lock()


def run(model: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
    """All clusters at once: the first on this thread, the others on workers.

    The intra-operator threads that this thread has (torch.set_num_threads) are the plan's cores;
    no operator gets less than one.
    """
    if len(CLUSTERS) == 1:
        return alone(model, *inputs)
    before = torch.get_num_threads()
    channel = Channel(before)
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def work(cluster: Callable[..., None]) -> None:
        with channel, torch.inference_mode(inference), torch.set_grad_enabled(grad):
            cluster(model, channel, *inputs)

    with LOCK:  # every worker takes the runs in the same order
        while len(WORKERS) < len(CLUSTERS) - 1:
            WORKERS.append(Worker())
        for worker, cluster in zip(WORKERS, CLUSTERS[1:]):
            worker.jobs.put(partial(work, cluster))
    try:
        work(CLUSTERS[0])
        return tuple(channel.get(name) for name in OUTPUTS)
    finally:
        torch.set_num_threads(before))"};

const RuntimeText kProcesses = {R"(from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from runpy import run_path
from threading import Lock
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
import torch.multiprocessing)",
                                R"PY(class Channel:
    """Values on their way from one cluster to another: each cluster has an inbox.

    Tensors lie in shared memory. What comes before it is asked for is kept; what is of a run that
    failed is dropped.
    """

    JOB, FAILED = "a job", "a failure"

    def __init__(self, cluster: int, inboxes: list[Any]) -> None:
        self.cluster, self.inboxes, self.run, self.threads = cluster, inboxes, 0, 1
        self.arrived: dict[tuple[int, str], list[Any]] = {}

    def cores(self, count: int) -> None:
        """Operators that follow in this process are split over so many of the plan's cores."""
        torch.set_num_threads(max(1, self.threads * count // CORES))

    def put(self, name: str, value: Tensor, readers: int = 1) -> None:
        """Sends `value` to the clusters that read it."""
        for reader in READERS[name]:
            self.send(reader, name, value.detach())

    def send(self, reader: int, name: str, value: Any) -> None:
        if reader == self.cluster:
            self.arrived.setdefault((self.run, name), []).append(value)
        else:
            self.inboxes[reader].put((self.run, name, value))

    def take(self) -> None:
        run, name, value = self.inboxes[self.cluster].get()
        if run >= self.run:
            self.arrived.setdefault((run, name), []).append(value)

    def get(self, name: str) -> Tensor:
        """Waits for a value. RuntimeError where a cluster failed."""
        while not self.arrived.get((self.run, name)):
            if (self.run, self.FAILED) in self.arrived:
                raise RuntimeError(f"a cluster failed: {self.arrived[self.run, self.FAILED][0]}")
            self.take()
        return cast(Tensor, self.arrived[self.run, name].pop(0))

    def begin(self, run: int) -> None:
        self.run = run
        self.arrived = {key: held for key, held in self.arrived.items() if key[0] >= run}

    def next_job(self) -> Any:
        """Waits for the run after this one."""
        while not any(name == self.JOB for _, name in self.arrived):
            self.take()
        self.begin(min(run for run, name in self.arrived if name == self.JOB))
        return self.arrived.pop((self.run, self.JOB))[0]

    def fail(self, error: Exception) -> None:
        for reader in range(len(self.inboxes)):
            self.send(reader, self.FAILED, f"{type(error).__name__}: {error}"))PY",
                                R"PY(def model_of(state: dict[str, Tensor]) -> Any:
    """The model of model.py beside this file, on these weights as they lie."""
    spec = spec_from_file_location("model", Path(__file__).with_name("model.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.Model()
    model.load_state_dict(state, assign=True)
    return model


def serve(cluster: int, inboxes: list[Any], state: dict[str, Tensor]) -> None:
    """What a process does as long as the model's owner lives."""
    model, channel = model_of(state), Channel(cluster, inboxes)
    while True:
        channel.threads, inference, training, inputs = channel.next_job()
        model.train(training)
        try:
            with torch.inference_mode(inference), torch.no_grad():
                CLUSTERS[cluster](model, channel, *inputs)
        except Exception as error:  # noqa: BLE001 - told to all who wait
            channel.fail(error)


class Team:
    """The processes of one model: a cluster each, but for the first, which its owner runs."""

    def __init__(self, model: Any) -> None:
        model.share_memory()  # what the owner changes in place they see
        context = torch.multiprocessing.get_context("spawn")
        inboxes = [context.SimpleQueue() for _ in CLUSTERS]
        self.lock, self.channel = Lock(), Channel(0, inboxes)
        for cluster in range(1, len(CLUSTERS)):
            names = {"ARGUMENTS": (cluster, inboxes, model.state_dict())}
            process = context.Process(
                target=run_path, args=(__file__, names, "__cluster__"), daemon=True
            )
            process.start()


TEAMS: WeakKeyDictionary[Any, Team] = WeakKeyDictionary()
LOCK = Lock()


def run(model: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
    """All clusters at once: the first in this process, the others in processes of their own.

    The intra-operator threads that this thread has (torch.set_num_threads) are the plan's cores;
    no operator gets less than one. There are no gradients.
    """
    if len(CLUSTERS) == 1:
        return alone(model, *inputs)
    with LOCK:
        if model not in TEAMS:
            TEAMS[model] = Team(model)
    team = TEAMS[model]
    before = torch.get_num_threads()
    with team.lock:
        channel = team.channel
        channel.threads = before
        channel.begin(channel.run + 1)
        job = (before, torch.is_inference_mode_enabled(), model.training, inputs)
        for cluster in range(1, len(CLUSTERS)):
            channel.send(cluster, channel.JOB, job)
        try:
            with torch.no_grad():
                CLUSTERS[0](model, channel, *inputs)
                return tuple(channel.get(name) for name in OUTPUTS)
        except Exception as error:
            channel.fail(error)
            raise RuntimeError(f"a cluster failed: {error}") from error
        finally:
            torch.set_num_threads(before)


if __name__ == "__cluster__":
    serve(*globals()["ARGUMENTS"]))PY"};

}  // namespace smeaton::pytorch

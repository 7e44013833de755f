import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from . import _core
from ._arguments import dims_of, texts_of
from ._session import NodeArg, _node_args

if TYPE_CHECKING:
    from ._core import Array, Feeds, Parallel


class Trainer(_core.Trainer):
    """Trains an inference model: the step is derived from it, compiled, and run.

    path: an ONNX file. loss: "cross-entropy" (class numbers as `target`), "mse" (the wished output as
    `target`), or "output:NAME" (an output that is one number). loss_output: the output that is
    compared; the first unless named. optimizer: "sgd", "momentum", "adam", "adamw", with PyTorch's
    defaults unless momentum, betas, epsilon, weight_decay are given. freeze: shell patterns of
    initializers that stay. training_form=False leaves BatchNormalization and Dropout as they infer.
    recompute: what the backward half computes again instead of keeping it: "none", "selective" (scores
    and weights of attention; without attention: activations, normalisations, element-wise results) or
    "full" (all but what passes between blocks); no bit of a gradient depends on it. seed: of what
    Dropout drops. The other arguments are those of Session. A trainer takes one call at a
    time: UserError where another thread is in one.

        trainer = smeaton.Trainer("digits.onnx", optimizer="adam", learning_rate=1e-2)
        loss = trainer.step({"image": images, "target": numbers})
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        loss: str = "cross-entropy",
        loss_output: str = "",
        optimizer: str = "sgd",
        learning_rate: float = 1e-3,
        momentum: float | None = None,
        betas: tuple[float, float] | None = None,
        epsilon: float | None = None,
        weight_decay: float | None = None,
        freeze: str | Sequence[str] = (),
        training_form: bool = True,
        recompute: str = "none",
        seed: int = 0,
        threads: int = 0,
        dims: Mapping[str, int] | None = None,
        isa: str = "",
        skip: str | Sequence[str] = (),
        cache_folder: str | os.PathLike[str] = "",
        dump_folder: str | os.PathLike[str] = "",
        parallel: str = "off",
    ) -> None:
        beta1, beta2 = betas if betas is not None else (None, None)
        settings = {
            "momentum": momentum,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(
            os.fspath(path),
            loss,
            loss_output,
            optimizer,
            float(learning_rate),
            {name: float(value) for name, value in settings.items() if value is not None},
            texts_of("freeze", freeze),
            bool(training_form),
            recompute,
            int(seed),
            threads,
            dims_of(dims),
            isa,
            texts_of("skip", skip),
            str(cache_folder),
            str(dump_folder),
            parallel,
        )

    def step(self, feeds: "Feeds") -> float:
        """One step of training; gives the loss before it. feeds: {input name: array} and "target"."""
        loss = super().step(feeds)
        self._warn()
        return loss

    def prepare(self, feeds: "Feeds") -> float:
        """Derives and compiles the step for the shapes of these feeds; the seconds it took."""
        seconds = super().prepare(feeds)
        self._warn()
        return seconds

    def gradients(self, feeds: "Feeds") -> "dict[str, Array]":
        """{parameter name: array} of the loss on these feeds; changes nothing."""
        gradients = self._gradients(feeds)[1]
        self._warn()
        return gradients

    def loss(self, feeds: "Feeds") -> float:
        """The loss on these feeds in training form; changes nothing."""
        loss = self._gradients(feeds)[0]
        self._warn()
        return loss

    def memory(self, feeds: "Feeds") -> dict[str, int]:
        """Bytes of a step on these feeds. It takes state_bytes + weights_bytes + arena_bytes in all:
        what is handed from step to step (parameters, running statistics, what the optimizer keeps,
        as state() has them), what steps only read (frozen initializers, folded constants), and the
        arena, of which scratch_bytes are of threads. activation_bytes (forward results that the
        backward half reads) and arena_lower_bound_bytes (most alive at once) lie in the arena;
        graph_max_live_bytes: the latter, were every result of the graph stored."""
        return self._memory(feeds)

    def parallel(self, feeds: "Feeds") -> "Parallel":
        """How steps on these feeds take up their kernels; as Session.parallel."""
        return self._parallel(feeds)

    def _warn(self) -> None:
        for warning in self._take_warnings():
            warnings.warn(warning, RuntimeWarning, stacklevel=3)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model with its parameters as they are now, all else as in its file."""
        self._save(os.fspath(path))

    def save_step(self, path: str | os.PathLike[str], feeds: "Feeds") -> None:
        """Writes the step itself for the shapes of these feeds as a model: it takes the feeds, the
        "learning_rate", for adam and adamw the number of the "step", and the state, which has its
        values in the file; it gives the loss and what every state becomes ("NAME.next").

            trainer.save_step("step.onnx", feeds)
            smeaton.Session("step.onnx", state={"w": "w.next"})
        """
        self._save_step(os.fspath(path), feeds)

    def get_inputs(self) -> list[NodeArg]:
        """The model's inputs; a step also takes "target" unless the loss is an output."""
        return _node_args(self._inputs())

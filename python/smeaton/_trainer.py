import os

from . import _core
from ._session import _node_args


class Trainer(_core.Trainer):
    """Trains an inference model: the step is derived from it, compiled, and run.

    path: an ONNX file. loss: "cross-entropy" (class numbers as `target`), "mse" (the wished output as
    `target`), or "output:NAME" (an output that is one number). loss_output: the output that is
    compared; the first unless named. optimizer: "sgd", "momentum", "adam", "adamw", with PyTorch's
    defaults unless momentum, betas, epsilon, weight_decay are given. freeze: shell patterns of
    initializers that stay. training_form=False leaves BatchNormalization and Dropout as they infer.
    seed: of what Dropout drops. The other arguments are those of Session.

        trainer = smeaton.Trainer("digits.onnx", optimizer="adam", learning_rate=1e-2)
        loss = trainer.step({"image": images, "target": numbers})
    """

    def __init__(
        self,
        path,
        *,
        loss="cross-entropy",
        loss_output="",
        optimizer="sgd",
        learning_rate=1e-3,
        momentum=None,
        betas=None,
        epsilon=None,
        weight_decay=None,
        freeze=(),
        training_form=True,
        seed=0,
        threads=0,
        dims=None,
        isa="",
        skip=(),
        cache_folder="",
        dump_folder="",
    ):
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
            [freeze] if isinstance(freeze, str) else list(freeze),
            bool(training_form),
            int(seed),
            threads,
            dict(dims or {}),
            isa,
            list(skip),
            str(cache_folder),
            str(dump_folder),
        )

    def gradients(self, feeds):
        """{parameter name: array} of the loss on these feeds; changes nothing."""
        return self._gradients(feeds)[1]

    def loss(self, feeds):
        """The loss on these feeds in training form; changes nothing."""
        return self._gradients(feeds)[0]

    def get_inputs(self):
        """The model's inputs; a step also takes "target" unless the loss is an output."""
        return _node_args(self._inputs())

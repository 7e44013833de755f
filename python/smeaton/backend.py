"""ONNX's Backend interface, so that onnx's own tests run Smeaton. Needs the `onnx` package."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx.backend.base import Backend, BackendRep, namedtupledict

from ._core import UserError
from ._session import Session

# Arrays in the order of the graph's inputs, or by name.
Inputs = Sequence[Any] | Mapping[str, Any]


class SmeatonRep(BackendRep):
    def __init__(self, session: Session) -> None:
        self._session = session
        self._inputs = [port.name for port in session.get_inputs()]
        self._outputs = [port.name for port in session.get_outputs()]

    def run(self, inputs: Inputs, **kwargs: Any) -> tuple[Any, ...]:
        """inputs: arrays in the order of the graph's inputs, or a dict by name."""
        if kwargs:
            raise UserError(f"run: unknown arguments {sorted(kwargs)}")
        if not isinstance(inputs, Mapping):
            if len(inputs) > len(self._inputs):
                raise UserError(f"{len(inputs)} inputs given, the model has {len(self._inputs)}")
            inputs = dict(zip(self._inputs, inputs))
        values = self._session.run(None, inputs)
        outputs: tuple[Any, ...] = namedtupledict("Outputs", self._outputs)(*values)
        return outputs


class SmeatonBackend(Backend):
    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Always: what is not supported is refused by name, not skipped."""
        return True

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> SmeatonRep:
        """kwargs: those of smeaton.Session."""
        if not cls.supports_device(device):
            raise UserError(f"device '{device}': Smeaton runs on CPU")
        return SmeatonRep(Session(model.SerializeToString(), **kwargs))

    @classmethod
    def run_model(
        cls, model: onnx.ModelProto, inputs: Inputs, device: str = "CPU", **kwargs: Any
    ) -> tuple[Any, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Sequence[Any],
        device: str = "CPU",
        outputs_info: Sequence[tuple[Any, tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """outputs_info: (dtype, shape) per output; opset_version in kwargs, else onnx's newest."""
        opset = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        given = [name for name in node.input if name]
        types = [onnx.helper.np_dtype_to_tensor_dtype(value.dtype) for value in inputs]
        info = onnx.helper.make_tensor_value_info
        results = [
            info(name, onnx.helper.np_dtype_to_tensor_dtype(outputs_info[k][0]), outputs_info[k][1])
            if outputs_info
            else onnx.helper.make_empty_tensor_value_info(name)
            for k, name in enumerate(node.output)
        ]
        graph = onnx.helper.make_graph(
            [node],
            "node",
            [info(name, kind, value.shape) for name, kind, value in zip(given, types, inputs)],
            results,
        )
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid(node.domain, opset)]
        )
        return cls.run_model(model, inputs, device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.split(":")[0] == "CPU"


is_compatible = SmeatonBackend.is_compatible
prepare = SmeatonBackend.prepare
run_model = SmeatonBackend.run_model
run_node = SmeatonBackend.run_node
supports_device = SmeatonBackend.supports_device

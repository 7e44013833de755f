"""Smeaton: compiles an ONNX model for this machine, runs it, trains it, says where its time goes.

    import smeaton
    session = smeaton.Session("model.onnx")
    outputs = session.run(None, {"image": array})

    smeaton.inspect("model.onnx")["flops"]
    smeaton.simulate("model.onnx", "server-cpu")["time_ms"]
    smeaton.study("model.onnx", "report.html")
    smeaton.search("space.yaml", ["model.onnx"])["best"]["settings"]
"""

from ._core import InternalError, UserError
from ._session import NodeArg, Session
from ._search import search
from ._studies import inspect, machine_text, machines, simulate, study
from ._trainer import Trainer

__all__ = [
    "InternalError",
    "NodeArg",
    "Session",
    "Trainer",
    "UserError",
    "inspect",
    "machine_text",
    "machines",
    "search",
    "simulate",
    "study",
]
__version__ = "0.1.0"

"""Smeaton: compiles an ONNX model for this machine, runs it, trains it.

    import smeaton
    session = smeaton.Session("model.onnx")
    outputs = session.run(None, {"image": array})
"""

from ._core import InternalError, UserError
from ._session import NodeArg, Session
from ._trainer import Trainer

__all__ = ["InternalError", "NodeArg", "Session", "Trainer", "UserError"]
__version__ = "0.1.0"

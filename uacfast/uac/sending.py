"""Which RequestSender uacfast.send_request() uses: that of the worker that runs in this process."""
from typing import Any

_sender: Any = None


def use(sender: Any) -> None:
    """Makes this the sender of the process; None: there is none any more."""
    global _sender
    _sender = sender


def sender() -> Any:
    """The RequestSender. RuntimeError when no worker runs in this process."""
    if _sender is None:
        raise RuntimeError("Requests can be sent from within a running worker only.")
    return _sender

"""The dlg.* commands of one worker: plain data in and out, for the control part to merge."""
from collections.abc import Callable
from typing import Any

from uacfast.fault import Fault

NUMBERS = range(2**32)


def dialog_commands(engine: Any) -> dict[str, Callable[..., Any]]:
    """{Kamailio's command: function} over the dialogs of a proxy.engine.Engine.

    Those that name one dialog raise Fault 404 on a worker that does not have it; wrong arguments are answered with the
    codes and words of Kamailio 5.6.3. `dlg.list`, `dlg.list_ctx` and `dlg.briefing` return a list of dicts,
    `dlg.dlg_list` a dict or None, `dlg.stats_active` a dict of counts to be added up, the others None.
    """
    dialogs = engine.dialogs

    def numbers(arguments: tuple[Any, ...], count: int) -> tuple[int, ...]:
        if len(arguments) != count or not all(isinstance(argument, int) for argument in arguments):
            raise Fault(500, "Invalid parameters")
        if not all(argument in NUMBERS for argument in arguments):
            raise Fault(404, "Dialog not found")
        return arguments

    def texts(arguments: tuple[Any, ...], least: int, most: int, otherwise: Fault) -> tuple[str, ...]:
        if not least <= len(arguments) <= most or not all(isinstance(argument, str) for argument in arguments):
            raise otherwise
        return arguments

    def ended(sent: bool | None) -> None:
        engine.flush_now()
        if sent is None:
            raise Fault(404, "Dialog not found")
        if not sent:
            raise Fault(500, "The dialog cannot be ended: it was not answered yet, or a side gave no usable Contact")

    def end_dlg(*arguments: Any) -> None:
        ended(dialogs.end_dlg(*numbers(arguments, 2)))

    def terminate_dlg(*arguments: Any) -> None:
        ended(dialogs.terminate_dlg(*texts(arguments, 3, 3, Fault(400, "Need a Callid ,from tag ,to tag"))))

    def set_timeout(*arguments: Any) -> None:
        if not dialogs.set_timeout_of(*numbers(arguments, 3)):
            raise Fault(404, "Dialog not found")

    def one(*arguments: Any) -> dict[str, Any] | None:
        return dialogs.dlg_list(*texts(arguments, 1, 2, Fault(400, "Need a Callid, and optionally a From tag")))

    def briefing(*arguments: Any) -> list[dict[str, Any]]:
        return dialogs.briefing(*texts(arguments, 0, 1, Fault(500, "Invalid parameters")))

    return {
        "dlg.list": dialogs.list,
        "dlg.list_ctx": dialogs.list,
        "dlg.dlg_list": one,
        "dlg.briefing": briefing,
        "dlg.stats_active": dialogs.stats_active,
        "dlg.end_dlg": end_dlg,
        "dlg.terminate_dlg": terminate_dlg,
        "dlg.set_timeout": set_timeout,
    }

"""The dlg.* commands of one worker: plain data in and out, for the control part to merge."""
from collections.abc import Callable
from typing import Any

from uacfast.fault import Fault


def dialog_commands(engine: Any) -> dict[str, Callable[..., Any]]:
    """{Kamailio's command: function} over the dialogs of a proxy.engine.Engine.

    Those that name one dialog raise Fault 404 on a worker that does not have it. `dlg.list`, `dlg.list_ctx`,
    `dlg.dlg_list` and `dlg.briefing` return a list of dicts, `dlg.stats_active` a dict of counts to be added up, the
    others None.
    """
    dialogs = engine.dialogs

    def ended(sent: bool | None) -> None:
        engine.flush_now()
        if sent is None:
            raise Fault(404, "Dialog not found")
        if not sent:
            raise Fault(500, "The dialog cannot be ended: it was not answered yet, or a side gave no usable Contact")

    def end_dlg(h_entry: int, h_id: int) -> None:
        ended(dialogs.end_dlg(h_entry, h_id))

    def terminate_dlg(callid: str, from_tag: str, to_tag: str) -> None:
        ended(dialogs.terminate_dlg(callid, from_tag, to_tag))

    def set_timeout(h_entry: int, h_id: int, seconds: int) -> None:
        if not dialogs.set_timeout_of(h_entry, h_id, seconds):
            raise Fault(404, "Dialog not found")

    return {
        "dlg.list": dialogs.list,
        "dlg.list_ctx": dialogs.list,
        "dlg.dlg_list": dialogs.dlg_list,
        "dlg.briefing": dialogs.briefing,
        "dlg.stats_active": dialogs.stats_active,
        "dlg.end_dlg": end_dlg,
        "dlg.terminate_dlg": terminate_dlg,
        "dlg.set_timeout": set_timeout,
    }

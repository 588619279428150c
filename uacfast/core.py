"""The core's settings as configured: limits, timers, Record-Route, dialogs, own names. Nothing here can refuse."""
from uacfast.config import Config
from uacfast.proxy.engine import Engine
from uacfast.proxy.settings import ProxySettings
from uacfast.tm.settings import TransactionSettings

STRAY_REPLIES = {"drop": 0, "record_route": 1, "forward": 2}
TIMERS = ("retr_timer1", "retr_timer2", "fr_timer", "fr_inv_timer", "max_inv_lifetime", "max_noninv_lifetime",
          "wt_timer", "faked_reply_prio", "relay_100", "noninv_timeout_408", "disable_6xx_block", "failover_503")
LIMITS = ("vias", "routes", "uri", "max_forwards", "accept_bare_lf")
RECORD_ROUTE = ("append_fromtag", "enable_double_rr", "enable_full_lr")
DIALOG = ("default_timeout", "send_bye", "timeout_noreset")


def set_transactions(settings: TransactionSettings, config: Config) -> None:
    """[tm], as far as it is about transactions."""
    for name in TIMERS:
        setattr(settings, name, getattr(config.tm, name))
    header = config.server.server_header
    settings.server_line = f"Server: {header}\r\n".encode() if header else b""


def set_proxy(settings: ProxySettings, config: Config) -> None:
    """[limits], [rr] and what of [tm] and [server] is about single messages."""
    limits = config.limits
    settings.set_limits(limits.message, limits.header_part, limits.line, limits.headers)
    for name in LIMITS:
        setattr(settings, name, getattr(limits, name))
    for name in RECORD_ROUTE:
        setattr(settings, name, getattr(config.rr, name))
    settings.auto_inv_100 = config.tm.auto_inv_100
    settings.auto_inv_100_reason = config.tm.auto_inv_100_reason.encode()
    settings.stray_replies = STRAY_REPLIES[config.tm.stray_replies]
    settings.max_transactions = config.server.max_transactions


def set_engine(engine: Engine, config: Config) -> None:
    """[dialog], the pause between two drains, and the names that are ours (engine.transport.check_aliases())."""
    for name in DIALOG:
        setattr(engine.dialogs, name, getattr(config.dialog, name))
    engine.dialogs.set_rr_param(config.dialog.rr_param)
    engine.set_batch_pause(config.server.batch_pause)
    engine.transport.use_aliases(config.server.alias)

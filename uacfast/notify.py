"""Tells systemd how the service is doing: the sd_notify(3) protocol over $NOTIFY_SOCKET.

Without $NOTIFY_SOCKET nothing is sent. A message that cannot be delivered is dropped: the service goes on.
"""
import os
import socket
import time


def send(state: str) -> bool:
    """Sends lines of `NAME=value` in one datagram; True when it was handed to the socket."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]                 # Linux' abstract name space
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.setblocking(False)                # the event loop must not wait for the service manager
            return notify.sendto(state.encode(), address) > 0
    except (OSError, ValueError):
        return False


def ready(text: str = "") -> bool:
    """Start-up, or a reload, is complete."""
    return send("READY=1" + _status_line(text))


def reloading() -> bool:
    """A reload begins; `ready()` ends it. Type=notify-reload needs the time as well."""
    return send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping(text: str = "") -> bool:
    """The service is shutting down."""
    return send("STOPPING=1" + _status_line(text))


def status(text: str) -> bool:
    """One line for `systemctl status`."""
    return send(_status_line(text).lstrip("\n") or "STATUS=")


def watchdog() -> bool:
    """Sign of life."""
    return send("WATCHDOG=1")


def watchdog_interval() -> float | None:
    """Seconds between two signs of life, half of what systemd waits ($WATCHDOG_USEC); None: it does not watch us."""
    microseconds, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not (microseconds.isascii() and microseconds.isdigit()) or process not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 2_000_000 or None


def _status_line(text: str) -> str:
    return "\nSTATUS=" + " ".join(text.splitlines()) if text else ""

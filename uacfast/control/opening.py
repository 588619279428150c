"""Opens sockets and the FIFO of the control part: leftovers of a process that died are taken away, those of one that
lives are not, and whatever cannot be opened is told in a sentence that says what to do."""
import contextlib
import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from typing import Any

from uacfast import log

logger = log.get("control")
BACKLOG = 128
_HINTS = {
    errno.ENOENT: "; create its folder first",
    errno.EACCES: "; give this user the right to write in its folder, or choose another path",
    errno.EPERM: "; only root can give it to that user or group",
}


class Owner:
    """Permissions, user and group (names, "" for those of the process) of files that are made."""

    def __init__(self, mode: int, user: str = "", group: str = ""):
        """OSError: there is no such user or group."""
        self.mode = mode
        try:
            self._uid = pwd.getpwnam(user).pw_uid if user else -1
        except KeyError:
            raise OSError(f'control.user = "{user}": there is no such user') from None
        try:
            self._gid = grp.getgrnam(group).gr_gid if group else -1
        except KeyError:
            raise OSError(f'control.group = "{group}": there is no such group') from None

    def take(self, path: str) -> None:
        """Gives a new file to its owner; it had no other permissions before."""
        os.chmod(path, self.mode)
        if self._uid != -1 or self._gid != -1:
            os.chown(path, self._uid, self._gid, follow_symlinks=False)


class OwnedPath:
    """A file that we made; remove() takes it away as long as it is still the same one."""

    def __init__(self, path: str):
        self.path = path
        self._identity = _identity(os.lstat(path))

    def remove(self) -> None:
        """Does nothing when another process has put its own file there."""
        with contextlib.suppress(OSError):
            if _identity(os.lstat(self.path)) == self._identity:
                os.unlink(self.path)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def _private_files() -> Iterator[None]:
    before = os.umask(0o777)
    try:
        yield
    finally:
        os.umask(before)


def _refusal(key: str, path: str, error: OSError) -> OSError:
    reason = error.strerror or str(error)
    return OSError(f"{key}: {path} cannot be opened: {reason}{_HINTS.get(error.errno, '')}")


def open_unix(path: str, kind: int, owner: Owner, key: str) -> tuple[socket.socket, OwnedPath]:
    """A bound unix socket (`kind`: SOCK_STREAM, which listens, or SOCK_DGRAM). `key` names the configuration key.
    OSError: a sentence."""
    opened = socket.socket(socket.AF_UNIX, kind)
    try:
        _remove_stale_socket(path, kind, key)
        with _private_files():
            opened.bind(path)
        owned = OwnedPath(path)
        try:
            owner.take(path)
            if kind == socket.SOCK_STREAM:
                opened.listen(BACKLOG)
        except OSError:
            owned.remove()
            raise
        opened.setblocking(False)
        return opened, owned
    except OSError as error:
        opened.close()
        raise error if error.errno is None else _refusal(key, path, error) from None


def _remove_stale_socket(path: str, kind: int, key: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(f"{key}: {path} exists and is not a socket; move it away or choose another path")
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            logger.info("socket of a process that has ended is replaced", extra=log.fields(path=path))
            os.unlink(path)
            return
        except OSError as error:
            # EAGAIN: alive, but its queue is full; EPROTOTYPE: alive, of the other kind.
            if error.errno not in (errno.EAGAIN, errno.EPROTOTYPE):
                raise
    raise OSError(f"{key}: another process listens at {path}; stop it or choose another path")


def open_fifo(path: str, owner: Owner, key: str) -> tuple[int, OwnedPath]:
    """A FIFO, open for reading and writing, so that it never ends, without waiting. OSError: a sentence."""
    try:
        _remove_stale_fifo(path, key)
        with _private_files():
            os.mkfifo(path)
        owned = OwnedPath(path)
        try:
            # Open to us whatever the mode says to others: until then nobody else can open it.
            os.chmod(path, 0o600)
            fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            owner.take(path)
        except OSError:
            owned.remove()
            raise
        return fd, owned
    except OSError as error:
        raise error if error.errno is None else _refusal(key, path, error) from None


def _remove_stale_fifo(path: str, key: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISFIFO(found.st_mode):
        raise OSError(f"{key}: {path} exists and is not a FIFO; move it away or choose another path")
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW))
    except OSError as error:
        if error.errno != errno.ENXIO:      # nobody reads
            raise
        os.unlink(path)
        return
    raise OSError(f"{key}: another process reads {path}; stop it or choose another path")


def open_inet(host: str, port: int, kind: int, key: str) -> socket.socket:
    """A bound socket (`kind`: SOCK_STREAM, which listens, or SOCK_DGRAM); a name is looked up. OSError: a sentence."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, _, _, _, address = _first_address(host, port, kind)
        opened = socket.socket(family, kind)
    except OSError as error:
        raise OSError(f"{key}: {shown} cannot be opened: {error.strerror or error}") from None
    try:
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        if kind == socket.SOCK_STREAM:
            opened.listen(BACKLOG)
        opened.setblocking(False)
        return opened
    except OSError as error:
        opened.close()
        hint = "; another program has it" if error.errno == errno.EADDRINUSE else ""
        raise OSError(f"{key}: {shown} cannot be opened: {error.strerror or error}{hint}") from None


def _first_address(host: str, port: int, kind: int) -> tuple[Any, ...]:
    return socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]

"""Clients of the control part's sockets."""
import asyncio
import itertools
import socket
from pathlib import Path

_numbers = itertools.count()


async def in_thread(function, *arguments):
    """The result of a function that waits, while the loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


def datagram(target: str | tuple[str, int], octets: bytes, folder: Path, patience: float = 5.0) -> bytes | None:
    """Sends one datagram to a unix path or a UDP address; the reply, or None after `patience` seconds."""
    family = socket.AF_UNIX if isinstance(target, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        if family == socket.AF_UNIX:
            client.bind(str(folder / f"client-{next(_numbers)}"))
        client.settimeout(patience)
        client.sendto(octets, target)
        try:
            return client.recv(1 << 20)
        except TimeoutError:
            return None

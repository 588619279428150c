"""An engine that speaks no SIP: it answers datagrams of one word, so that tests can steer workers.

who             "worker=0 workers=2 pid=7 header=uacfast"
to N WORD       hands WORD over to worker N, which answers from its own socket
call / bye      one more or one fewer running transaction; "503" for a call while draining
state           "draining" or "serving"
ticks           how often tick() was called
hang            blocks the loop

Its commands: "echo" gives its arguments back, "ask" the result of a service, "tell" posts to a service, "sleep" never
ends, "refuse" raises a Fault, "break" makes a mistake, "much" returns so many octets, "object" what cannot be sent,
"hang" blocks the loop.
"""
import asyncio
import os
import select
import signal
import socket
import time

from uacfast.fault import Fault


class Engine:
    def __init__(self, config, worker=0, workers=1, handover=None, resolver=None, siphash_key=b""):
        if config.server.server_header == "cannot start":
            raise ValueError("the stand-in was told not to start")
        if config.server.server_header == "broken":
            raise TypeError("a mistake of the stand-in")
        assert len(siphash_key) == 16 and resolver is not None
        self.config = config
        self.worker = worker
        self.workers = workers
        self.handover = handover
        self.active = 0
        self.ticks = 0
        self.draining = False
        self.sockets = {}
        self.poller = select.epoll()
        self.key = siphash_key
        self.control = None
        self.commands = {
            "echo": lambda *arguments: [self.worker, *arguments], "ask": self._ask, "tell": self._tell,
            "sleep": lambda: asyncio.sleep(3600), "refuse": self._refuse, "break": lambda: {}["missing"],
            "much": bytes, "object": object, "hang": self._hang,
        }
        if config.server.server_header == "dies":
            os.kill(os.getpid(), signal.SIGKILL)

    def add_socket(self, fd, address, listen_index):
        self.sockets[listen_index] = socket.socket(fileno=os.dup(fd))
        self.poller.register(fd, select.EPOLLIN)
        assert self.sockets[listen_index].getsockname()[:2] == tuple(address)

    def fileno(self):
        return self.poller.fileno()

    def on_readable(self):
        for listen_index, listening in self.sockets.items():
            while True:
                try:
                    data, source = listening.recvfrom(65536)
                except BlockingIOError:
                    break
                self._process(data, source, listen_index)
        if self.handover is not None:
            self.handover.flush_wakeups()

    def on_handover(self):
        self.handover.acknowledge()
        while (entry := self.handover.pop_datagram()) is not None:
            data, source, listen_index = entry
            self._process(data, source, listen_index)

    def _process(self, data, source, listen_index):
        word, _, rest = data.decode().partition(" ")
        if word == "to":
            owner, _, inner = rest.partition(" ")
            if int(owner) != self.worker:
                self.handover.push_datagram(int(owner), inner.encode(), source, listen_index)
                return
            word = inner
        answer = getattr(self, f"_{word}")()
        self.sockets[listen_index].sendto(answer.encode(), source)

    async def _ask(self, name, *arguments):
        return await self.control.call(name, *arguments)

    def _tell(self, name, *arguments):
        self.control.post(name, *arguments)

    def _refuse(self, code, sentence):
        raise Fault(code, sentence)

    def _who(self):
        return (f"worker={self.worker} workers={self.workers} pid={os.getpid()} "
                f"header={self.config.server.server_header} key={self.key.hex()}")

    def _call(self):
        if self.draining:
            return "503"
        self.active += 1
        return "200"

    def _state(self):
        return "draining" if self.draining else "serving"

    def _bye(self):
        self.active -= 1
        return "200"

    def _ticks(self):
        return str(self.ticks)

    def _hang(self):
        time.sleep(3600)

    def tick(self):
        self.ticks += 1

    def apply(self, config):
        if config.server.server_header == "refused":
            raise ValueError("the stand-in refuses this configuration")
        self.config = config

    def drain(self):
        self.draining = True

    def statistics(self):
        return {"active": self.active, "worker": self.worker}

    def close(self):
        for opened in self.sockets.values():
            opened.close()
        self.sockets.clear()
        self.poller.close()

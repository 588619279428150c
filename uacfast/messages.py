"""What the control part and a worker say to each other.

The same messages serve a worker in a process of its own and the one that shares the control part's process
(`workers = 1`). They are msgspec Structs in one tagged union; uacfast.channel carries them.
"""
import msgspec

from uacfast.config import Config


class Message(msgspec.Struct, tag=True, frozen=True):
    """Base of all messages; the class name is the tag on the wire."""


class ListenSocket(msgspec.Struct, frozen=True):
    """A bound socket that the worker inherits: its descriptor, its address, its place in config.listen."""
    fd: int
    host: str
    port: int
    listen_index: int


# === Control part to worker ===

class Start(Message):
    """The first message: everything a worker is made of. Answered by Ready or StartFailed."""
    worker: int
    workers: int
    config: bytes                       # encode_config()
    sockets: tuple[ListenSocket, ...]
    siphash_key: bytes                  # 16 octets, secret, the same in all workers: they must agree on hash(Call-ID)
    memory_fd: int = -1                 # Handover.memory_fd and .event_fds; -1 for a worker that is alone
    event_fds: tuple[int, ...] = ()
    draining: bool = False              # a replacement that starts while the server ends


class Reload(Message):
    """Apply this configuration. Answered by ReloadResult with the same serial."""
    serial: int
    config: bytes                       # encode_config()


class Drain(Message):
    """Take no new calls; report with Drained when none is running."""


class Stop(Message):
    """End now."""


class StatisticsRequest(Message):
    """Answered by Statistics with the same serial."""
    serial: int


# === Worker to control part ===

class Ready(Message):
    """Sockets are watched, messages are being processed."""


class StartFailed(Message):
    """The worker cannot start with this configuration; `reason` is a sentence."""
    reason: str


class ReloadResult(Message):
    """`error` is a sentence; empty when the configuration is in force, else the old one still is."""
    serial: int
    error: str


class Drained(Message):
    """Sent while draining whenever `active`, the number of running transactions, becomes zero or leaves it."""
    active: int


class Statistics(Message):
    """The engine's counters since the worker was started."""
    serial: int
    counters: dict[str, int]


class Heartbeat(Message):
    """Sent every second by a worker whose loop turns."""


# === Both ways: uacfast.calls ===

class Call(Message):
    """Run the command `name` with `arguments` (msgpack). Answered by Answer or Refusal with the same serial."""
    serial: int
    name: str
    arguments: bytes


class Answer(Message):
    """What a command returned (msgpack)."""
    serial: int
    result: bytes


class Refusal(Message):
    """The Fault that a command raised."""
    serial: int
    code: int
    text: str


class Post(Message):
    """Run the command `name`; nothing is answered."""
    name: str
    arguments: bytes


def encode_config(config: Config) -> bytes:
    """The octets that Start and Reload carry: both sides see one reading of the file, whatever becomes of it."""
    return msgspec.msgpack.encode(config)


def decode_config(octets: bytes) -> Config:
    """The reverse of encode_config."""
    return msgspec.msgpack.decode(octets, type=Config)


ToWorker = Start | Reload | Drain | Stop | StatisticsRequest | Call | Answer | Refusal | Post
ToControl = Ready | StartFailed | ReloadResult | Drained | Statistics | Heartbeat | Call | Answer | Refusal | Post

"""JSON-RPC 2.0 documents in, documents out, as Kamailio's jsonrpcs answers them, for whatever transport carries them.

Members come in the order jsonrpc, result or error, id; pretty printed, because kamctl greps lines. Faults keep their
SIP-like codes; what is no request gets the codes of the standard.
"""
import re
from typing import Any, NamedTuple

import msgspec

from uacfast.control.dispatcher import Dispatcher, Members, Number, UnknownMethod
from uacfast.fault import Fault

PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS = -32700, -32600, -32602
BATCH_MAX = 1000
RESULT_OCTETS_MAX = 64 << 20        # more than this is refused: it would have to be held in memory several times
_INDENT = 2
_REPLY_NAME = re.compile(rb'"reply_name"\s*:\s*"([^"\\/.\0]{1,128})"')

_decoder = msgspec.json.Decoder()


class Reply(NamedTuple):
    """What goes back: the text, the status that HTTP would give it with its reason, and the FIFO that was asked for."""
    text: bytes
    status: int = 200
    reason: str = "OK"
    reply_name: str | None = None


def _plain(value: Any) -> Any:
    """What the encoder does not know: our own kinds of list and number."""
    if isinstance(value, Number):
        return int(value)
    raise NotImplementedError(f"JSON cannot carry {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def _json(value: Any) -> Any:
    """A result as JSON has it: Members as one-member objects, no text that UTF-8 cannot carry."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return value
    if isinstance(value, dict):
        return {_json(name): _json(member) for name, member in value.items()}
    if isinstance(value, Members):
        return [{_json(name): _json(member)} for name, member in value]
    if isinstance(value, list | tuple):
        return [_json(member) for member in value]
    return value


def to_json(value: Any) -> bytes:
    """A result as JSON, not indented."""
    return _encoder.encode(_json(value))


def _document(member: str, content: Any, identity: Any) -> dict[str, Any]:
    document = {"jsonrpc": "2.0", member: content}
    if identity is not msgspec.UNSET:
        document["id"] = identity
    return document


def _error(code: int, message: str, identity: Any) -> dict[str, Any]:
    return _document("error", {"code": code, "message": message}, identity)


def _arguments(request: dict[str, Any], named: bool) -> list[Any]:
    parameters = request.get("params", [])
    if isinstance(parameters, dict):
        # The values in the order in which they are written: Kamailio's commands have no names for them.
        return [parameters] if named else list(parameters.values())
    if parameters is None:
        return []
    if not isinstance(parameters, list):
        raise ValueError("params is neither a list nor an object")
    return parameters


class JsonRpc:
    """Runs documents on a dispatcher."""

    def __init__(self, dispatcher: Dispatcher):
        self._dispatcher = dispatcher

    async def answer(self, octets: bytes, batch: bool = False) -> Reply:
        """The reply to one document. `batch`: a list of requests is taken too. Never raises for what is in it."""
        try:
            document = _decoder.decode(octets)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._reply(_error(PARSE_ERROR, "Parse error", None), 400, "Parse error",
                               reply_name_of(octets))
        if batch and isinstance(document, list):
            return await self._answer_all(document)
        replied, status, reason = await self._answer_one(document)
        return self._reply(replied, status, reason, _named_fifo(document))

    def too_big(self, octets: bytes, octets_max: int) -> bytes:
        """What is said in place of a reply to this document that the transport cannot carry."""
        document = _decoder.decode(octets)
        identity = document.get("id", msgspec.UNSET) if isinstance(document, dict) else None
        return self._reply(_error(500, f"reply too big: more than {octets_max} octets; ask for less, or over HTTP",
                                  None if isinstance(identity, list | dict) else identity), 500, "").text

    async def _answer_all(self, requests: list[Any]) -> Reply:
        if not 1 <= len(requests) <= BATCH_MAX:
            return self._reply(_error(INVALID_REQUEST, "Invalid Request", None), 400, "Invalid Request")
        return self._reply([(await self._answer_one(request))[0] for request in requests], 200, "OK")

    async def _answer_one(self, request: Any) -> tuple[dict[str, Any], int, str]:
        if not isinstance(request, dict):
            return _error(INVALID_REQUEST, "Invalid Request", None), 400, "Invalid Request"
        identity = request.get("id", msgspec.UNSET)
        if isinstance(identity, list | dict):
            identity = None
        method = request.get("method")
        if request.get("jsonrpc") != "2.0" or not isinstance(method, str):
            return _error(INVALID_REQUEST, "Invalid Request", identity), 400, "Invalid Request"
        if "store_path" in request:
            return _error(INVALID_REQUEST, "store_path is not supported", identity), 400, "Invalid Request"
        try:
            arguments = _arguments(request, self._dispatcher.takes_names(method))
        except ValueError:
            return _error(INVALID_PARAMS, "Invalid params", identity), 400, "Invalid params"
        try:
            result = await self._dispatcher.run(method, arguments)
        except UnknownMethod:
            return _error(500, "Method Not Found", identity), 500, "Method Not Found"
        except Fault as fault:
            status = fault.code if 400 <= fault.code <= 599 else 500
            return _error(fault.code, fault.message, identity), status, fault.message
        return _document("result", {} if result is None else _json(result), identity), 200, "OK"

    def _reply(self, document: Any, status: int, reason: str, reply_name: str | None = None) -> Reply:
        octets = _encoder.encode(document)
        if len(octets) > RESULT_OCTETS_MAX:
            message = f"reply too big: more than {RESULT_OCTETS_MAX} octets; ask for less"
            identity = document.get("id", msgspec.UNSET) if isinstance(document, dict) else None
            octets, status, reason = _encoder.encode(_error(500, message, identity)), 500, message
        return Reply(msgspec.json.format(octets, indent=_INDENT), status, reason, reply_name)


def _named_fifo(document: Any) -> str | None:
    name = document.get("reply_name") if isinstance(document, dict) else None
    return name if isinstance(name, str) else None


def reply_name_of(octets: bytes) -> str | None:
    """The reply FIFO that a document names, found even where it is no JSON: who waits there must hear something."""
    match = _REPLY_NAME.search(octets)
    return match[1].decode("utf-8", "replace") if match else None


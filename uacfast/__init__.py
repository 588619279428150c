"""A SIP edge proxy with the functions of Kamailio's UAC module."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uacfast.uac.outcome import Outcome

__version__ = "0.1.0"


async def send_request(method: str, ruri: str, **values: str | int) -> "Outcome":
    """Send a SIP request from this worker and wait for how it ends (Kamailio's uac_req_send).

    `values` are the keys of $uac_req: furi, turi, ouri, hdrs, body, callid, auser, apasswd, flags, sock, fr_timeout
    (ms) and so on. A challenge is answered when apasswd is given; the outcome then has both status codes. ValueError: a
    sentence saying what is wrong with the values; RuntimeError: this process is no running worker.
    """
    from uacfast.uac import sending
    return await sending.sender().send_request(method=method, ruri=ruri, **values)

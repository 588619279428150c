"""A dialog between two endpoints through one or more proxies, with both sides' route sets and CSeq kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from kit.endpoint import Endpoint, token
from kit.message import Message, name_addr_of, uri_of


@dataclass
class Side:
    """What one party knows of the dialog."""

    endpoint: Endpoint
    local: str = ""
    remote: str = ""
    routes: list[str] = field(default_factory=list)
    target: str = ""
    cseq: int = 100
    next_hop: tuple[str, int] = ("", 0)


class Call:
    """INVITE dialog from `caller` to `callee`; `proxy` is where the caller's first request goes.

    `caller_side.local` and so on are whole From/To values with their tags, as each party saw them.
    """

    def __init__(
        self,
        caller: Endpoint,
        callee: Endpoint,
        proxy: tuple[str, int],
        *,
        from_: str = '"Alice A" <sip:alice@example.com>',
        to: str = "Bob <sip:bob@example.com>",
        user: str = "bob",
        request_uri: str | None = None,
        headers: tuple[str, ...] = (),
        routes: tuple[str, ...] = (),
    ) -> None:
        self.from_tag, self.to_tag = token("f"), token("t")
        self.call_id = token("call") + "@endpoint"
        self.user = user
        self.request_uri = request_uri or callee.uri(user)
        self.caller = Side(caller, local=f"{from_};tag={self.from_tag}", remote=to, next_hop=proxy)
        self.callee = Side(callee, cseq=500)
        self.initial_routes = list(routes)
        self.headers = headers
        self.sent_invite: Message | None = None
        self.received_invite: Message | None = None

    def invite(self, branch: str | None = None, body: str = "") -> Message:
        """Send the INVITE; returns it as sent."""
        side = self.caller
        side.cseq += 1
        text = side.endpoint.request(
            "INVITE",
            self.request_uri,
            from_=name_addr_of(side.local),
            from_tag=self.from_tag,
            to=side.remote,
            call_id=self.call_id,
            cseq=side.cseq,
            branch=branch,
            routes=self.initial_routes,
            headers=self.headers,
            body=body,
        )
        side.endpoint.send(text, side.next_hop)
        self.sent_invite = Message.parse(text.encode("latin-1"))
        return self.sent_invite

    def has(self, message: Message) -> bool:
        """Whether it belongs to this call: on a slow machine copies of another one's may still be waiting."""
        return message.get("Call-ID") == self.call_id

    def arrive(self) -> Message:
        """The INVITE as the callee gets it."""
        self.received_invite = self.callee.endpoint.receive(lambda m: m.method == "INVITE" and self.has(m))
        self._callee_learns(self.received_invite)
        return self.received_invite

    def _callee_learns(self, invite: Message) -> None:
        side = self.callee
        side.local = f"{invite.get('To')};tag={self.to_tag}"
        side.remote = invite.get("From")
        side.routes = invite.values("Record-Route")
        side.target = uri_of(invite.get("Contact"))
        side.next_hop = invite.source

    def answer(self, status: int = 200, reason: str = "OK", headers: tuple[str, ...] = ()) -> bytes:
        """The callee answers the INVITE; returns the octets sent."""
        contact = (f"Contact: <{self.callee.endpoint.uri('there')}>",)
        return self.callee.endpoint.reply(
            self.received_invite, status, reason, to_tag=self.to_tag, headers=contact + headers
        )

    def learn(self, reply: Message) -> None:
        """The caller takes the dialog state from a reply with a To-tag."""
        side = self.caller
        side.remote = reply.get("To")
        side.routes = list(reversed(reply.values("Record-Route")))
        side.target = uri_of(reply.get("Contact"))

    def acknowledge(self) -> tuple[Message, Message]:
        """ACK for the 2xx; returns it as sent and as the callee got it."""
        sent = self.send_in_dialog("caller", "ACK", cseq=self.caller.cseq)
        return sent, self.callee.endpoint.receive(lambda m: m.method == "ACK" and self.has(m))

    def establish(self) -> tuple[Message, Message]:
        """INVITE, 180, 200, ACK. Returns the 200 and the ACK as they arrived."""
        self.invite()
        self.arrive()
        self.answer(180, "Ringing")
        self.caller.endpoint.receive_reply(180)
        self.answer()
        final = self.caller.endpoint.receive_reply(200, "INVITE")
        self.learn(final)
        return final, self.acknowledge()[1]

    def in_dialog(self, who: str, method: str, *, cseq: int | None = None, uri: str | None = None, **changes) -> str:
        """Text of an in-dialog request of `caller` or `callee`; changes replace arguments of Endpoint.request."""
        side: Side = getattr(self, who)
        if cseq is None:
            side.cseq += 1
            cseq = side.cseq
        local_tag, remote_tag = (self.from_tag, self.to_tag) if who == "caller" else (self.to_tag, self.from_tag)
        details = {
            "from_": name_addr_of(side.local),
            "from_tag": local_tag,
            "to": name_addr_of(side.remote),
            "to_tag": remote_tag,
            "call_id": self.call_id,
            "cseq": cseq,
            "routes": side.routes,
        }
        return side.endpoint.request(method, uri or side.target, **(details | changes))

    def send_in_dialog(self, who: str, method: str, **changes) -> Message:
        """Send an in-dialog request along the route set; returns it as sent."""
        text = self.in_dialog(who, method, **changes)
        side: Side = getattr(self, who)
        side.endpoint.send(text, side.next_hop)
        return Message.parse(text.encode("latin-1"))

    def exchange(self, who: str, method: str, **changes) -> Exchange:
        """One in-dialog transaction ended with 200 (and ACK after a re-INVITE)."""
        near: Side = getattr(self, who)
        far: Side = self.callee if who == "caller" else self.caller
        sent = self.send_in_dialog(who, method, **changes)
        arrived = far.endpoint.receive(
            lambda m: m.is_request and m.method == method and m.cseq[0] == sent.cseq[0] and self.has(m)
        )
        contact = (f"Contact: <{far.endpoint.uri('there')}>",) if method in ("INVITE", "UPDATE") else ()
        answer = Message.parse(far.endpoint.reply(arrived, 200, "OK", headers=contact))
        reply = near.endpoint.receive(lambda m: m.status == 200 and m.cseq == sent.cseq)
        acknowledgement = None
        if method == "INVITE":
            self.send_in_dialog(who, "ACK", cseq=sent.cseq[0])
            acknowledgement = far.endpoint.receive(lambda m: m.method == "ACK" and m.cseq[0] == sent.cseq[0]
                                                   and self.has(m))
        return Exchange(sent, arrived, answer, reply, acknowledgement)

    def hang_up(self, who: str = "caller") -> Exchange:
        return self.exchange(who, "BYE")


@dataclass
class Exchange:
    """The same transaction seen at both ends: request sent and arrived, answer sent and arrived."""

    sent: Message
    arrived: Message
    answer: Message
    reply: Message
    acknowledgement: Message | None = None

"""Messages for tests of what scripts read and write: with everything, with nothing more than it must, a reply."""

REQUEST = (
    b"INVITE sip:bob:pw@192.0.2.9:5070;transport=tcp;x=1?h=v SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1;rport, SIP/2.0/TCP [2001:db8::1];branch=z9hG4bK0\r\n"
    b"v: SIP/2.0/TLS phone.example;branch=z9hG4bKa\r\n"
    b"Max-Forwards: 70\r\n"
    b"Route: <sip:127.0.0.1;lr>, <sip:127.0.0.2;lr>\r\n"
    b'X-List: a, b;q="1,2"\r\n'
    b"x-list: c\r\n"
    b'From: "Alice A" <sip:alice@ex.com:5070;y=1>;tag=from1\r\n'
    b"t: Bob B <sip:bob@biloxi.com>\r\n"
    b"i: call-1@h\r\n"
    b"CSeq: 7 INVITE\r\n"
    b'm: "A" <sip:alice@192.0.2.1:5062>;expires=60, <sip:alice@192.0.2.2>\r\n'
    b"Expires: 3600\r\n"
    b"User-Agent: phone/1.0\r\n"
    b'P-Asserted-Identity: "A" <sip:+4930@ex.com>, <tel:+4930>\r\n'
    b"Remote-Party-ID: <sip:rpid@ex.com>;party=calling\r\n"
    b"Diversion: <sip:div@ex.com>;reason=user-busy;privacy=full\r\n"
    b"Refer-To: <sip:refer@ex.com?a=b>\r\n"
    b'Proxy-Authorization: Digest username="al@dom.org", realm="re.alm", nonce="n", uri="sip:x@y",'
    b' response="00000000000000000000000000000000", algorithm=MD5\r\n'
    b"Content-Type: application/sdp;charset=utf-8\r\n"
    b"Content-Length: 5\r\n\r\nv=0\r\n"
)
BARE = (
    b"OPTIONS sip:biloxi.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:ex.com>;tag=1\r\n"
    b"To: <sip:biloxi.com>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
)
REPLY = (
    b"SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK2\r\n"
    b'Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1\r\nFrom: "Alice A" <sip:anonymous@ex.com>;tag=from1\r\n'
    b"To: <sip:bob@biloxi.com>;tag=to1\r\nCall-ID: call-1@h\r\nCSeq: 7 INVITE\r\nContact: <sip:bob@192.0.2.9>\r\n"
    b"Content-Length: 0\r\n\r\n"
)

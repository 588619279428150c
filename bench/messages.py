"""The messages that the micro benchmarks work on: an INVITE of about 700 octets and its 200, as a proxy gets them."""

BODY = (b"v=0\r\no=user1 53655765 2353687637 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
        b"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n")

INVITE = (b"INVITE sip:+493012345678@edge.example SIP/2.0\r\n"
          b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1-0;rport\r\n"
          b"Max-Forwards: 70\r\n"
          b"From: \"Alice Example\" <sip:+498912345678@pbx.customer.example>;tag=as58f4201b\r\n"
          b"To: <sip:+493012345678@edge.example>\r\n"
          b"Call-ID: 4f8d0b7c2a3e4d5f@192.0.2.10\r\n"
          b"CSeq: 102 INVITE\r\n"
          b"Contact: <sip:alice@192.0.2.10:5060>\r\n"
          b"User-Agent: example-pbx/1.0\r\n"
          b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\r\n"
          b"Supported: timer, replaces\r\n"
          b"Content-Type: application/sdp\r\n"
          b"Content-Length: %d\r\n\r\n" % len(BODY)) + BODY

OK = (b"SIP/2.0 200 OK\r\n"
      b"Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK8f3a.1b2c3d4e5f60718293a4b5c6d7e8f901.0\r\n"
      b"Via: SIP/2.0/UDP 192.0.2.10:5060;received=192.0.2.10;branch=z9hG4bK-524287-1-0;rport=5060\r\n"
      b"Record-Route: <sip:203.0.113.5;lr=on;ftag=as58f4201b;vsf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA->\r\n"
      b"From: \"Alice Example\" <sip:anon@edge.example>;tag=as58f4201b\r\n"
      b"To: <sip:+493012345678@edge.example>;tag=7dfa1c93\r\n"
      b"Call-ID: 4f8d0b7c2a3e4d5f@192.0.2.10\r\n"
      b"CSeq: 102 INVITE\r\n"
      b"Contact: <sip:trunk@198.51.100.20:5060>\r\n"
      b"Server: example-carrier/1.0\r\n"
      b"Content-Type: application/sdp\r\n"
      b"Content-Length: %d\r\n\r\n" % len(BODY)) + BODY

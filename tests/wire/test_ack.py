"""ACK: engine.md section 11; RFC 3261 sections 13.2.2.4, 17.1.1.3 and 17.2.1."""

from kit.call import Call


def test_a_call_from_invite_to_bye(proxy, caller, callee):
    call = Call(caller, callee, proxy.address)
    call.establish()
    call.hang_up()

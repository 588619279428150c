"""The benchmark's job as a KSR script, for Kamailio and uacfast: the same routing as WITH_NATIVE of kamailio.cfg."""
import os

import KSR

CALLEE_URI = os.environ["EDGE_CALLEE_URI"]
AUTHENTICATES = os.environ.get("EDGE_SCENARIO") == "auth"


def mod_init():
    return Edge()


class Edge:
    def child_init(self, rank):
        return 0

    def ksr_request_route(self, message):
        if KSR.maxfwd.process_maxfwd(10) < 0:
            KSR.sl.sl_send_reply(483, "Too Many Hops")
            return 1
        method = KSR.pv.get("$rm")
        if method == "CANCEL":
            if KSR.tm.t_check_trans() > 0:
                KSR.tm.t_relay()
            return 1
        if KSR.siputils.has_totag() > 0:
            return self.in_dialog(method)
        KSR.tm.t_check_trans()
        if method == "INVITE":
            KSR.rr.record_route()
            KSR.uac.uac_replace_from_uri("sip:anon@edge.example")
            if AUTHENTICATES:
                KSR.tm.t_on_failure("trunk_refused")
        KSR.pv.sets("$du", CALLEE_URI)
        if KSR.tm.t_relay() < 0:
            KSR.sl.sl_reply_error()
        return 1

    def in_dialog(self, method):
        if KSR.rr.loose_route() > 0:
            if KSR.tm.t_relay() < 0:
                KSR.sl.sl_reply_error()
        elif method == "ACK":
            if KSR.tm.t_check_trans() > 0:
                KSR.tm.t_relay()
        else:
            KSR.sl.sl_send_reply(404, "Not here")
        return 1

    def trunk_refused(self, message):
        if KSR.tm.t_is_canceled() < 0 and KSR.tm.t_check_status("401|407") > 0 and KSR.uac.uac_auth() > 0:
            KSR.tm.t_relay()
        return 1

"""What every edge does before it decides about a call; the examples beside this file build on it."""
import KSR


class Basics:

    def child_init(self, rank):
        return 0

    def ksr_request_route(self, msg):
        if KSR.maxfwd.process_maxfwd(10) < 0:
            KSR.sl.sl_send_reply(483, "Too Many Hops")
            return 1
        if KSR.is_OPTIONS() and KSR.is_myself_ruri() and KSR.corex.has_ruri_user() < 0:
            KSR.sl.sl_send_reply(200, "Keepalive")
            return 1
        if KSR.sanity.sanity_check(17895, 7) < 0:
            return 1
        if KSR.is_CANCEL():
            if KSR.tm.t_check_trans() > 0:
                KSR.tm.t_relay()
            return 1
        if KSR.tm.t_check_trans() == 0:            # a copy, or an ACK that ends here
            return 1
        if KSR.siputils.has_totag() > 0:
            return self.within_dialog()
        KSR.hdr.remove("Route")                    # a route set that somebody brings leads nowhere
        return self.initial()

    def within_dialog(self):
        """loose_route() restores From and To; requests that are not on our way are refused."""
        if KSR.rr.loose_route() > 0:
            self.relay()
        elif not KSR.is_ACK():
            KSR.sl.sl_send_reply(404, "Not here")
        return 1

    def initial(self):
        """What a request without a dialog gets; to be overridden."""
        KSR.sl.sl_send_reply(403, "Not relaying")
        return 1

    def relay(self):
        if KSR.is_method_in("IS"):
            KSR.rr.record_route()
        if KSR.tm.t_relay() < 0:
            KSR.sl.sl_reply_error()
        return 1

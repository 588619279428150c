"""Whoever sends MESSAGE to `ping` has the carrier asked with OPTIONS. The answer comes to the callback that
uac.event_callback = "ksr_uac_event" names."""
import KSR
from basics import Basics

CARRIER = "sip:carrier@127.0.0.1:5080"


def mod_init():
    return OptionsPing()


class OptionsPing(Basics):

    def initial(self):
        if not (KSR.is_MESSAGE() and KSR.pv.gete("$rU") == "ping"):
            return super().initial()
        KSR.pv.unset("$uac_req(all)")
        KSR.pv.sets("$uac_req(method)", "OPTIONS")
        KSR.pv.sets("$uac_req(ruri)", CARRIER)
        KSR.pv.sets("$uac_req(furi)", "sip:edge@127.0.0.1")
        KSR.pv.sets("$uac_req(turi)", CARRIER)
        KSR.pv.sets("$uac_req(callid)", KSR.pv.get("$(mb{s.md5})"))
        KSR.pv.seti("$uac_req(evroute)", 1)
        sent = KSR.uac.uac_req_send() > 0
        KSR.sl.sl_send_reply(202 if sent else 500, "Asked" if sent else "Not asked")
        return 1

    def ksr_uac_event(self, msg, evname):
        KSR.info(f"{KSR.pv.get('$uac_req(ruri)')} answered {KSR.pv.get('$uac_req(evcode)')}\n")
        return 1

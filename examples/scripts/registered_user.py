"""Calls go out by the account that is registered for their caller, and calls for an account come in to its user."""
import KSR
from basics import Basics


def mod_init():
    return RegisteredUser()


class RegisteredUser(Basics):

    def initial(self):
        if KSR.is_myself_ruri():
            # From a registrar: the Contact that was registered has the record's uuid as its user.
            if KSR.uac.uac_reg_lookup(KSR.pv.gete("$rU"), "$ru") < 0:
                KSR.sl.sl_send_reply(404, "Not here")
                return 1
            if KSR.registrar.lookup("location") < 0:
                KSR.sl.sl_send_reply(480, "Not there")
                return 1
            return self.relay()
        # Mode 1: the account is found by its local user name.
        if KSR.uac.uac_reg_request_to(KSR.pv.gete("$fU"), 1) < 0:
            KSR.sl.sl_send_reply(403, "No account")
            return 1
        KSR.tm.t_on_failure("ksr_failure_account")
        return self.relay()

    def ksr_failure_account(self, msg):
        if KSR.tm.t_is_canceled() < 0 and KSR.pv.get("$T_reply_code") in (401, 407) and KSR.uac.uac_auth() > 0:
            KSR.tm.t_relay()
        return 1

"""The proxy logs in at the carrier for its callers. uac.auth_realm_avp, auth_username_avp and auth_password_avp name
the variables."""
import KSR
from basics import Basics

CARRIER = "sip:127.0.0.1:5080"
USERNAME, PASSWORD = "test", "test"
IS_HA1 = 0          # 1: PASSWORD is H(username:realm:password) in hexadecimal digits


def mod_init():
    return TrunkAuth()


class TrunkAuth(Basics):

    def initial(self):
        if KSR.is_INVITE():
            KSR.tm.t_on_failure("ksr_failure_trunk_auth")
        KSR.setdsturi(CARRIER)
        return self.relay()

    def ksr_failure_trunk_auth(self, msg):
        if KSR.tm.t_is_canceled() > 0:
            return 1
        if KSR.tm.t_check_status("401|407") > 0:
            KSR.pv.sets("$avp(auser)", USERNAME)
            KSR.pv.sets("$avp(apass)", PASSWORD)
            if KSR.uac.uac_auth_mode(IS_HA1) > 0:
                KSR.tm.t_on_failure("ksr_failure_trunk_auth")
                KSR.tm.t_relay()
        return 1

"""Callers are shown to the carrier without name and number; what comes back shows them again."""
import KSR
from basics import Basics

CARRIER = "sip:127.0.0.1:5080"


def mod_init():
    return Anonymise()


class Anonymise(Basics):

    def initial(self):
        if KSR.is_INVITE():
            KSR.uac.uac_replace_from('"Anonymous"', "sip:anonymous@anonymous.invalid")
        KSR.setdsturi(CARRIER)
        return self.relay()

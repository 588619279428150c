"""trunk_auth.py without the password: only its HA1, which is good for one realm, is known."""
import trunk_auth

HA1 = "f974c3403c9167a6ac25bf521c763adb"         # H(test:carrier.example:test), MD5


def mod_init():
    trunk_auth.PASSWORD, trunk_auth.IS_HA1 = HA1, 1
    return trunk_auth.TrunkAuth()

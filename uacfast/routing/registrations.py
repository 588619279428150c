"""The uac_reg_* functions as scripts call them: results go into pseudo-variables (uac-semantics §5)."""

from collections.abc import Callable
from typing import Any

from uacfast.fault import Fault
from uacfast.routing.pv import pseudo_variable


class ScriptRegistrations:
    """`runtime`: the worker's ScriptRuntime; `functions`: uac.registration's RegistrationFunctions; `uac`: [uac] of the
    configuration; `control()`: the way to the control part. All methods return Kamailio's numbers."""

    def __init__(self, runtime: Any, functions: Any, uac: Any, control: Callable[[], Any]):
        self._runtime = runtime
        self._functions = functions
        self._control = control
        self._auth_variables = (uac.auth_realm_avp, uac.auth_username_avp, uac.auth_password_avp)
        for name in (
            "uac_reg_status",
            "uac_reg_enable",
            "uac_reg_disable",
            "uac_reg_send_register",
            "uac_reg_send_unregister",
        ):
            setattr(self, name, getattr(functions, name))

    def _assign(self, name: str, value: str) -> bool:
        try:
            return pseudo_variable(name).assign(self._runtime.context, value)
        except ValueError:
            return False

    def uac_reg_lookup(self, uuid: str, variable: str) -> int:
        """1 and the variable is sip:l_username@l_domain; -1."""
        status, uri = self._functions.uac_reg_lookup(uuid)
        return status if status < 0 or self._assign(variable, uri) else -1

    def uac_reg_lookup_uri(self, uri: str, variable: str) -> int:
        """1 and the variable is the l_uuid; -1 no record, -2 no SIP URI."""
        status, uuid = self._functions.uac_reg_lookup_uri(uri)
        return status if status < 0 or self._assign(variable, uuid) else -1

    def uac_reg_request_to(self, user: str, mode: int) -> int:
        """1: request-URI, destination and the three auth variables are the record's; -1, -2."""
        if not all(self._auth_variables):
            return -1
        status, found = self._functions.uac_reg_request_to(user, mode)
        if status < 0:
            return status
        values = zip(self._auth_variables, (found["realm"], found["username"], found["password"]), strict=True)
        done = [
            self._assign("$ru", found["ruri"]),
            self._assign("$du", found["destination"]),
            *(self._assign(name, value) for name, value in values),
        ]
        return 1 if all(done) else -1

    def uac_reg_refresh(self, uuid: str) -> int:
        """Read the row again and wait for that: 1; -1 empty, not in the database, or the database does not answer."""
        control = self._control()
        if not uuid or control is None:
            return -1
        try:
            self._runtime.wait(control.call("registration_refresh", uuid))
        except Fault:
            return -1
        return 1

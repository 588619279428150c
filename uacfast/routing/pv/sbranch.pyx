"""$sbranch(...): a destination in the making, per worker; KSR.pvx.sbranch_append() and sbranch_set_ruri() use it."""
from uacfast.routing.pv import destination, network, transactions
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.uris cimport is_uri
from uacfast.routing.pv.variable cimport PseudoVariable, encoded, str_value

cdef tuple KEY = ("sbranch",)    # in the runtime's variables; the names of $var are texts
cdef dict EMPTY = {"uri": "", "dst_uri": "", "path": "", "q": -1, "send_socket": "", "flags": 0}


cdef PseudoVariable made(make, str source):
    cdef PseudoVariable variable = make(None)
    variable.source = source
    return variable


cdef PseudoVariable further_destination = made(destination.PLAIN["br"], "$br")
cdef PseudoVariable request_uri = made(destination.PLAIN["ru"], "$ru")
cdef PseudoVariable send_socket = made(network.PLAIN["fs"], "$fs")
cdef PseudoVariable branch_flags = made(transactions.PLAIN["bf"], "$bf")


cdef dict static_branch(MessageContext context):
    if context.runtime is None:
        return dict(EMPTY)
    return context.runtime.variables.setdefault(KEY, dict(EMPTY))


cdef int reset_static_branch(MessageContext context) except -1:
    if context.runtime is not None:
        context.runtime.variables.pop(KEY, None)
    return 0


cdef bint append_static_branch(MessageContext context) except -1:
    """As one more of the further destinations; False without a URI and when there are too many."""
    cdef dict branch = static_branch(context)
    if not branch["uri"] or not further_destination.set(context, branch["uri"]):
        return False
    context.state.branches[len(context.state.branches) - 1] = dict(branch)
    return True


cdef bint take_static_branch(MessageContext context) except -1:
    """As the Request-URI and what belongs to it; False without a URI."""
    cdef dict branch = static_branch(context)
    if not branch["uri"] or not request_uri.set(context, branch["uri"]):
        return False
    context.destination_uri = branch["dst_uri"] or None
    if branch["send_socket"]:
        send_socket.set(context, branch["send_socket"])
    if branch["flags"]:
        branch_flags.set(context, branch["flags"])
    return True


cdef class StaticBranchField(PseudoVariable):
    """$sbranch(field)"""
    cdef str field

    def __init__(self, field):
        if field not in EMPTY:
            raise ValueError(f"$sbranch({field}) does not exist; there are {', '.join(EMPTY)}.")
        self.field = field

    cdef object value(self, MessageContext context, bint octets):
        value = static_branch(context)[self.field]
        if self.field == "flags":
            return value
        if self.field == "q":
            return None if value < 0 else value
        return str_value(value, octets) if value else None

    cdef bint set(self, MessageContext context, object value) except -1:
        if value is None:
            value = EMPTY[self.field]
        elif (not isinstance(value, int if self.field in ("q", "flags") else str)
              or self.field in ("uri", "dst_uri") and not is_uri(encoded(value))):
            report("%s does not take %r.", self.source, value)
            return False
        static_branch(context)[self.field] = value
        return True


PLAIN = {}
WITH_ARGUMENT = {"sbranch": lambda argument, index: StaticBranchField(argument.constant)}

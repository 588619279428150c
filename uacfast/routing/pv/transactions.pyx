"""The transaction of a message ($T_..., $T(...)) and the flags ($mf, $bf, $sf)."""
from libc.stdint cimport uint32_t
from libc.string cimport memchr

from uacfast.leaves.sip_scan cimport SIP_HEADERS_CAPACITY, SIP_METHOD_CANCEL, SIP_SCAN_OK, sip_limits
from uacfast.leaves.sip_text cimport sip_text
from uacfast.routing.context cimport (
    ROUTE_BRANCH, ROUTE_BRANCH_FAILURE, ROUTE_FAILURE, ROUTE_REPLY, ROUTE_REQUEST, MessageContext, RouteKind,
)
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.variable cimport PseudoVariable, str_value, text_value
from uacfast.routing.relaying cimport transaction_label
from uacfast.sip.build cimport reason_phrase
from uacfast.sip.message cimport SipMessage, literal, no_text, text_of
from uacfast.tm.table cimport Branch, Buffer, Transaction

cdef enum TransactionPart:
    TRANSACTION_BRANCH
    TRANSACTION_CODE
    TRANSACTION_REASON
    TRANSACTION_INDEX
    TRANSACTION_LABEL
    TRANSACTION_TYPE
    TRANSACTION_LAST

cdef dict PARTS = {
    "id_index": TRANSACTION_INDEX, "id_label": TRANSACTION_LABEL, "reply_code": TRANSACTION_CODE,
    "reply_reason": TRANSACTION_REASON, "reply_type": TRANSACTION_TYPE, "branch_index": TRANSACTION_BRANCH,
    "reply_last": TRANSACTION_LAST,
}


cdef int winning_status(const Transaction *transaction) noexcept:
    """The best final of the branches when no response stands for it: ours."""
    cdef const Branch *branch = transaction.branches
    cdef int best = 0
    while branch != NULL:
        if branch.final and (best == 0 or branch.final < best):
            best = branch.final
        branch = branch.next
    return best


cdef int status_of(MessageContext context) noexcept:
    """$T_reply_code: 0 outside of transactions (kemi-python.md §4)."""
    if context.kind == ROUTE_REPLY:
        return context.message.index.status if context.message is not None else 0
    if context.transaction == NULL:
        return 0
    if context.continued:
        return 0                 # no response has led here
    if context.kind in (ROUTE_FAILURE, ROUTE_BRANCH_FAILURE):
        if context.reply is not None:
            return context.reply.index.status
        if context.branch != NULL and context.branch.final:
            return context.branch.final
        return winning_status(context.transaction)
    return context.transaction.reply_status


cdef class TransactionVariable(PseudoVariable):
    """A number or the reason of the transaction. The $T(...) forms are null without one, the $T_... forms are not."""
    cdef TransactionPart part
    cdef bint nullable

    def __init__(self, TransactionPart part, bint nullable):
        self.part = part
        self.nullable = nullable

    cdef object value(self, MessageContext context, bint octets):
        cdef int status
        if context.transaction == NULL and self.nullable:
            return None
        if self.part == TRANSACTION_CODE:
            return status_of(context)
        if self.part == TRANSACTION_REASON:
            if context.kind == ROUTE_REPLY and context.message is not None:
                return text_value(context.message.index.reason, octets)
            if context.reply is not None:
                return text_value(context.reply.index.reason, octets)
            status = status_of(context)
            return text_value(literal(reason_phrase(status)) if status else literal(b""), octets)
        if self.part == TRANSACTION_BRANCH:
            if context.transaction == NULL:
                return 0
            if context.kind == ROUTE_FAILURE:
                return context.transaction.branch_count
            return context.branch_index if context.branch_index > 0 else 0
        if self.part == TRANSACTION_LAST:
            return status_of(context) if context.kind == ROUTE_REPLY else None
        if self.part == TRANSACTION_INDEX:
            return context.transaction.slot
        if self.part == TRANSACTION_LABEL:
            return transaction_label(context.transaction)
        return 1 if context.kind in (ROUTE_FAILURE, ROUTE_BRANCH_FAILURE) and context.reply is None else 0


cdef enum OtherMessage:
    OTHER_REQUEST
    OTHER_REPLY
    OTHER_INVITE


cdef class Rescan:
    """A second message beside the one being worked on: the stored request, read again."""
    cdef SipMessage message
    cdef sip_limits limits

    def __init__(self):
        self.limits.message = self.limits.header_part = self.limits.line = 65535
        self.limits.headers = SIP_HEADERS_CAPACITY

    cdef SipMessage read(self, const Transaction *transaction):
        """The transaction's request; None when it is no longer kept."""
        if transaction == NULL or transaction.request.at == NULL:
            return None
        if self.message is None:
            self.message = SipMessage()
        if (self.message.scan(transaction.request.at, transaction.request.length, &self.limits, True) != SIP_SCAN_OK
                or not self.message.parse_addresses()):
            return None
        self.message.reset_plan()
        self.message.source = transaction.source
        self.message.socket = transaction.socket
        return self.message


# One for all: evaluating does not suspend, and $T_req and its kin do not stand within each other.
cdef Rescan rescan = Rescan()


cdef class OtherMessageVariable(PseudoVariable):
    """$T_req(v), $T_rpl(v), $T_inv(v): v of another message of the transaction."""
    cdef OtherMessage which
    cdef PseudoVariable variable

    def __init__(self, OtherMessage which, argument):
        pieces = argument.pieces
        if len(pieces) != 1 or not isinstance(pieces[0], PseudoVariable):
            raise ValueError(f"$T_req(...) and its kin take one variable, not {argument.source!r}.")
        if any(name in pieces[0].source for name in ("T_req(", "T_rpl(", "T_inv(")):
            raise ValueError("$T_req(...) and its kin cannot stand within each other.")
        self.which = which
        self.variable = pieces[0]

    cdef object value(self, MessageContext context, bint octets):
        cdef MessageContext other
        cdef SipMessage message = None
        cdef RouteKind kind = ROUTE_REQUEST
        if context.transaction == NULL and self.which != OTHER_INVITE or context.message is None:
            return None
        if self.which == OTHER_REPLY:
            message = context.reply
            kind = ROUTE_REPLY
        elif self.which == OTHER_REQUEST:
            if not context.message.index.is_request:
                message = rescan.read(context.transaction)
        elif (context.message.index.is_request and context.message.index.method == SIP_METHOD_CANCEL
              and context.table is not None):
            message = rescan.read(context.table.find(context.table.key_hash_of(context.message, True)))
        if message is None:
            return None
        other = MessageContext(context.state, context.runtime)
        other.message = message
        other.kind = kind
        other.transport = context.transport
        other.table = context.table
        other.transaction = context.transaction
        other.dialog = context.dialog
        return self.variable.value(other, octets)


cdef class BranchVariable(PseudoVariable):
    """$T_branch(uri): the Request-URI that the branch was sent with, in reply callbacks; $T_branch(flags): its flags."""
    cdef bint flags

    def __init__(self, bint flags):
        self.flags = flags

    cdef object value(self, MessageContext context, bint octets):
        cdef const char *begin
        cdef const char *end
        cdef uint32_t length
        if context.branch == NULL:
            return None
        if self.flags:
            return branch_flags(context)
        if context.kind == ROUTE_FAILURE or context.branch.sent.at == NULL:
            return None
        length = context.branch.sent.length
        begin = <const char *>memchr(context.branch.sent.at, c' ', length)
        if begin == NULL:
            return None
        begin += 1
        end = <const char *>memchr(begin, c' ', <size_t>(context.branch.sent.at + length - begin))
        return text_value(text_of(begin, <uint32_t>(end - begin)), octets) if end != NULL else None


cdef int branch_number(MessageContext context) noexcept:
    """Whose flags $bf means: those of the branch in hand, else the Request-URI's."""
    return context.flags_index


cdef object branch_flags(MessageContext context):
    cdef list flags = context.state.branch_flags
    cdef int number = branch_number(context)
    return flags[number] if number < len(flags) else 0


cdef enum FlagSet:
    FLAGS_MESSAGE
    FLAGS_BRANCH
    FLAGS_SCRIPT


cdef class FlagsVariable(PseudoVariable):
    """A set of 32 flags, as a number or as hexadecimal text."""
    cdef FlagSet flags
    cdef bint hexadecimal

    def __init__(self, FlagSet flags, bint hexadecimal):
        self.flags = flags
        self.hexadecimal = hexadecimal

    cdef object value(self, MessageContext context, bint octets):
        if self.flags == FLAGS_MESSAGE:
            flags = context.state.flags
        elif self.flags == FLAGS_SCRIPT:
            flags = context.script_flags
        else:
            flags = branch_flags(context)
        return str_value(f"{flags:08x}", octets) if self.hexadecimal else flags

    cdef bint set(self, MessageContext context, object value) except -1:
        cdef uint32_t flags
        cdef list branches = context.state.branch_flags
        if value is None:
            value = 0
        if not isinstance(value, int) or not -0x80000000 <= value <= 0xffffffff:
            report("%s takes a number of 32 bits, not %r.", self.source, value)
            return False
        flags = <uint32_t>(value & 0xffffffff)
        if self.flags == FLAGS_MESSAGE:
            context.state.flags = flags
        elif self.flags == FLAGS_SCRIPT:
            context.script_flags = flags
        else:
            while len(branches) <= branch_number(context):
                branches.append(0)
            branches[branch_number(context)] = flags
        return True


def transaction_part(argument):
    if argument.constant not in PARTS:
        raise ValueError(f"$T({argument.source}) does not exist; there are {', '.join(PARTS)}.")
    return TransactionVariable(PARTS[argument.constant], True)


def branch_part(argument):
    if argument.constant not in ("uri", "flags"):
        raise ValueError("$T_branch(...) takes uri or flags.")
    return BranchVariable(argument.constant == "flags")


PLAIN = {
    "T_branch_idx": lambda index: TransactionVariable(TRANSACTION_BRANCH, False),
    "T_reply_code": lambda index: TransactionVariable(TRANSACTION_CODE, False),
    "T_reply_reason": lambda index: TransactionVariable(TRANSACTION_REASON, False),
    "T_reply_last": lambda index: TransactionVariable(TRANSACTION_LAST, False),
    "mf": lambda index: FlagsVariable(FLAGS_MESSAGE, False), "mF": lambda index: FlagsVariable(FLAGS_MESSAGE, True),
    "bf": lambda index: FlagsVariable(FLAGS_BRANCH, False), "bF": lambda index: FlagsVariable(FLAGS_BRANCH, True),
    "sf": lambda index: FlagsVariable(FLAGS_SCRIPT, False), "sF": lambda index: FlagsVariable(FLAGS_SCRIPT, True),
}
WITH_ARGUMENT = {
    "T": lambda argument, index: transaction_part(argument),
    "T_req": lambda argument, index: OtherMessageVariable(OTHER_REQUEST, argument),
    "T_rpl": lambda argument, index: OtherMessageVariable(OTHER_REPLY, argument),
    "T_inv": lambda argument, index: OtherMessageVariable(OTHER_INVITE, argument),
    "T_branch": lambda argument, index: branch_part(argument),
}

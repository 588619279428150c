"""One message in the hands of a script: what pseudo-variables read and script functions change."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.sip.message cimport SipMessage
from uacfast.tm.table cimport Branch, Transaction, TransactionTable
from uacfast.transport.udp cimport UdpTransport

cdef enum RouteKind:             # which callback is running (kemi-python.md §1.2)
    ROUTE_NONE                   # mod_init, child_init: there is no message
    ROUTE_REQUEST
    ROUTE_BRANCH
    ROUTE_REPLY                  # ksr_reply_route and the transaction's on_reply callback
    ROUTE_FAILURE
    ROUTE_BRANCH_FAILURE
    ROUTE_EVENT


cdef class TransactionState:     # what a script keeps about one transaction; Transaction.context
    cdef public uint32_t flags               # setflag()
    cdef public list branch_flags            # setbflag(), one int per branch, [0] is the Request-URI's
    cdef public dict avps                    # name -> list of int and str, the newest first
    cdef public dict xavps, xavus, xavis     # name -> list of {name: list}; the names of xavis are lower case
    cdef public list branches                # further destinations: dicts uri, dst_uri, path, q, send_socket, flags
    cdef public str on_branch, on_reply, on_failure, on_branch_failure   # "": not armed
    cdef public dict notes                   # what features keep about the transaction, by feature name


cdef class ScriptRuntime


cdef class MessageContext:
    cdef public ScriptRuntime runtime        # whose stores and services variables read; None: those are null
    cdef public uint32_t script_flags        # setsflag(): this message alone
    cdef public uint64_t number              # of this message in this worker, from 1
    cdef SipMessage message                  # request or reply; in failure callbacks the request; None: ROUTE_NONE
    cdef SipMessage reply                    # failure callbacks: the chosen reply; None when the final is ours
    cdef UdpTransport transport
    cdef TransactionTable table
    cdef Transaction *transaction            # NULL: there is none yet
    cdef Branch *branch                      # branch, reply and branch failure callbacks; else NULL
    cdef RouteKind kind
    cdef readonly TransactionState state
    cdef public object destination_uri       # $du: str or None
    cdef public str send_socket              # $fs: "udp:host:port", "": chosen by destination
    cdef public object dialog                # the tracked dialog of this message, None: there is none


cdef class ScriptRuntime:                    # one per worker: what all KSR modules share
    cdef public MessageContext context       # the message being worked on
    cdef readonly dict variables             # $var, $vn, $vz: per worker, survive messages
    cdef readonly dict shared                # $shv
    cdef public object hash_tables           # htable; None until it is configured
    cdef public object features              # proxy.features.EdgeFeatures: registrar, flood guard, digest, source groups
    cdef public object uac_request           # $uac_req(...)
    cdef public object statistics            # function without arguments: name -> count; None: there are none
    cdef readonly dict definitions           # $def(...): name -> text or int
    cdef public dict rpc_reply               # $jsonrpl(...): code, text and body of the last call

    cdef int send_reply(self, int status, str reason, bytes extra_lines, bint stateless) except? -2


cdef class KsrModule:                        # base of KSR.tm, KSR.pv, ...
    cdef ScriptRuntime runtime

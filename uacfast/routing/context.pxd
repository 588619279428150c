"""One message in the hands of a script: what pseudo-variables read and script functions change."""
from libc.stdint cimport uint32_t, uint64_t

from uacfast.leaves.sip_text cimport sip_text
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.proxy.engine cimport Engine
from uacfast.proxy.hooks cimport ScriptHost
from uacfast.sip.message cimport SipMessage
from uacfast.sip.plan cimport StoredPlan
from uacfast.tm.table cimport Branch, Transaction, TransactionTable
from uacfast.transport.udp cimport UdpTransport
from uacfast.uac.authenticator cimport Authenticator
from uacfast.uac.replace cimport Replacer

cdef enum RouteKind:             # which callback is running (kemi-python.md §1.2)
    ROUTE_NONE                   # mod_init, child_init: there is no message
    ROUTE_REQUEST
    ROUTE_BRANCH
    ROUTE_REPLY                  # ksr_reply_route and the transaction's on_reply callback
    ROUTE_FAILURE
    ROUTE_BRANCH_FAILURE
    ROUTE_EVENT
    ROUTE_ONSEND                 # a message is about to leave


cdef class TransactionState:     # what a script keeps about one transaction; Transaction.context
    cdef public uint32_t flags               # setflag()
    cdef public list branch_flags            # setbflag(), one int per branch, [0] is the Request-URI's
    cdef public dict avps                    # name -> list of int and str, the newest first
    cdef public dict xavps, xavus, xavis     # name -> list of {name: list}; the names of xavis are lower case
    cdef public list branches                # further destinations: dicts uri, dst_uri, path, q, send_socket, flags
    cdef public uint64_t xflags              # corex.setxflag()
    cdef uint32_t retr_timer1, retr_timer2   # ms, for the transaction once it begins; 0: not set
    cdef uint32_t inv_lifetime, noninv_lifetime
    cdef public str on_branch, on_reply, on_failure, on_branch_failure   # "": not armed
    cdef public dict notes                   # what features keep about the transaction, by feature name
    cdef StoredPlan plan                     # what the request route made of the request: failure routes begin with it
    cdef bint plan_saved                     # by t_save_lumps(): t_relay() leaves it as it is
    cdef object destination_uri              # $du as the request route left it
    cdef list attempts                       # StoredPlan of each attempt, by Transaction.context_step
    cdef int last_set                        # number of the first branch that the last t_relay() began
    cdef dict branch_failures                # branch number -> callback, armed when the branch was made


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
    cdef Branch *branch                      # reply and branch failure callbacks; failure: the chosen one; else NULL
    cdef RouteKind kind
    cdef readonly TransactionState state
    cdef public object destination_uri       # $du: str or None
    cdef public str send_socket              # $fs: "udp:host:port", "": chosen by destination
    cdef public object dialog                # the tracked dialog of this message, None: there is none
    cdef readonly int branch_index           # which branch the callback is about, from 0; -1: none
    cdef readonly int flags_index            # which of state.branch_flags setbflag() and isbflagset() mean

    # For the functions of the transaction modules.
    cdef MessageContext outer                # the callback that this one runs within
    cdef udp_address reply_to                # where our responses go
    cdef uint64_t key_hash                   # 0: not computed yet
    cdef public bint answered                # a response of ours is on its way
    cdef bint without_100                    # t_relay() answers an INVITE with no 100 of ours
    cdef bint authenticated                  # uac_auth() put credentials into the request
    cdef bint relayed, absorbed, source_marked, dropped, failed, suspended, released
    cdef bint continued                      # t_continue() took up its transaction
    cdef object msg                          # what the callback got as its first argument
    cdef str event_callback, event           # events: the method's name and what happened
    cdef int replaced                        # bits 1 << ReplacedHeader: set in this callback
    cdef public int error                    # status of the last failure inside a function, for sl_reply_error(); 0: none
    cdef bint owes_error                     # t_relay() failed and nobody has answered yet
    cdef const char *first_request_uri       # failure callbacks: to tell whether the script chose a new destination
    cdef object first_destination_uri
    cdef StoredPlan applied                  # keeps the texts that the message's edits refer to
    cdef bytes outgoing                      # ROUTE_ONSEND: what is about to leave
    cdef udp_address outgoing_to
    cdef int outgoing_socket
    cdef bytes octets, reply_octets          # after a wait: what the messages are scans of
    cdef uint32_t slot                       # transaction and branch while a function waits
    cdef uint64_t check
    cdef int branch_number

    cdef void remember_place(self) noexcept
    cdef void find_place(self) noexcept


cdef class ScriptRuntime(ScriptHost):        # one per worker: what all KSR modules share
    cdef public MessageContext context       # the message being worked on
    cdef readonly dict variables             # $var, $vn, $vz: per worker, survive messages
    cdef readonly dict shared                # $shv
    cdef public object hash_tables           # htable; None until it is configured
    cdef public object features              # proxy.features.EdgeFeatures: registrar, flood guard, digest, source groups
    cdef public object statistics            # function without arguments: name -> count; None: there are none
    cdef readonly dict definitions           # $def(...): name -> text or int
    cdef public dict rpc_reply               # $jsonrpl(...): code, text and body of the last call
    cdef public object uac_request           # $uac_req(...): a RequestDescription
    cdef public object requests              # uac_req_send(): a RequestSender
    cdef readonly Engine engine
    cdef readonly Replacer replacer          # From and To
    cdef public Authenticator authenticator  # uac_auth()
    cdef public tuple auth_variables         # auth_realm_avp, auth_username_avp, auth_password_avp as pseudo-variables
    cdef public tuple restore_avps           # keys of restore_from_avp and restore_to_avp, each may be None; None: neither
    cdef public object registrations         # uac_reg_*; None: nothing is registered
    cdef public object dialogs               # dialog; None: dialogs are not tracked
    cdef public object control               # the control part (Engine.control); None: there is none

    cdef int send_reply(self, int status, str reason, bytes extra_lines, bint stateless) except? -2
    cpdef object wait(self, object awaitable)


cdef extern from *:
    """
    /* A C integer from a Python object: Cython asks nb_int, which truncates a float; Kamailio's binding refuses floats,
       so nb_index is asked here and in all that knows this file. */
    #define nb_int nb_index
    """

cdef class KsrModule:                        # base of KSR.tm, KSR.pv, ...
    cdef ScriptRuntime runtime


cdef str str_of(sip_text text)
cdef sip_text kept(SipMessage message, str text)

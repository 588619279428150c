"""What a route asks for before it relays: credentials, a REGISTER carried out, a registered user found."""
from uacfast.proxy.features cimport EdgeFeatures
from uacfast.proxy.hooks cimport Decision
from uacfast.proxy.location cimport Binding
from uacfast.routing.template cimport Template
from uacfast.sip.message cimport SipMessage
from uacfast.transport.udp cimport UdpTransport

cdef enum Admitted:
    ADMISSION_FAILED             # with an exception
    ADMITTED
    ANSWERED                     # the decision says how
    ADMITTED_LATER               # the request comes in again


cdef class Subscribers:
    cdef EdgeFeatures features
    cdef object reinject         # callable(octets, source, socket)
    cdef object clock            # callable() -> seconds
    cdef dict known              # (table, username, realm) -> (until, UserSecret, None or Exception)
    cdef dict waiting            # the same key -> list of (octets, source, socket)
    cdef size_t waiting_count
    cdef set tasks

    cdef object find(self, SipMessage request, str table, str username, str realm)


cdef class Admission:
    cdef EdgeFeatures features
    cdef Subscribers subscribers
    cdef Template realm          # None: callers are not asked for credentials
    cdef str table
    cdef int challenge, check
    cdef bint registrar, located
    cdef bytes reason, lines     # what the decision refers to

    cdef Admitted admit(self, SipMessage request, UdpTransport transport, Decision *decision) except ADMISSION_FAILED
    cdef Admitted authenticate(self, SipMessage request, UdpTransport transport,
                               Decision *decision) except ADMISSION_FAILED
    cdef Admitted reply(self, Decision *decision, int status, bytes reason, bytes lines) except ADMISSION_FAILED
    cdef Admitted challenge_again(self, SipMessage request, Decision *decision, bytes realm, int flags,
                                  unsigned long now) except ADMISSION_FAILED
    cdef Admitted save(self, SipMessage request, Decision *decision) except ADMISSION_FAILED
    cdef list find_bindings(self, SipMessage request)


cdef bint aim_at(SipMessage request, Binding binding)

"""What an edge asks for before it routes, put together: one per worker, used by routes and scripts alike."""
from uacfast.proxy.flood_guard cimport FloodGuard
from uacfast.proxy.hash_tables cimport HashTables
from uacfast.proxy.location cimport Location
from uacfast.proxy.registrar cimport Registrar
from uacfast.proxy.server_digest cimport DigestServer, UserSecret
from uacfast.proxy.source_list cimport SourceList
from uacfast.tm.table cimport TransactionTable


cdef class EdgeFeatures:
    cdef readonly TransactionTable table     # has the worker's clock
    cdef readonly SourceList sources
    cdef public FloodGuard flood_guard       # None: nobody is counted
    cdef public dict flood_rules             # what flood_guard was made of
    cdef public DigestServer digest
    cdef readonly bytes own_secret           # makes nonces when the configuration names none
    cdef readonly Registrar registrar
    cdef readonly HashTables hash_tables
    cdef dict users                          # (username, realm) -> UserSecret; realm b"": any
    cdef public object subscribers           # async (table, username, domain) -> dict or None; None: no database
    cdef public bint calculate_ha1           # the database has passwords, not HA1
    cdef public bint use_domain              # look users up by domain as well

    cdef UserSecret known_user(self, bytes username, bytes realm)
    cpdef UserSecret secret_of(self, object row, str username, str realm)

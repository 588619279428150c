"""KSR.permissions: groups of source addresses (kemi-python.md §3.10)."""
from uacfast.leaves.address cimport address_from_text
from uacfast.leaves.udp_batch cimport udp_address
from uacfast.routing.context cimport KsrModule
from uacfast.routing.ksr.access cimport features_of, message_of, octets_of
from uacfast.sip.message cimport text_of


cdef bint read_address(str host, int port, udp_address *address):
    cdef bytes octets = octets_of(host)
    return 0 <= port <= 65535 and address_from_text(text_of(<const char *>octets, <unsigned int>len(octets)),
                                                    <unsigned short>port, address)


cdef class PermissionsModule(KsrModule):

    def allow_source_address(self, int addr_group):
        """1: the source's address and port are in this group; -1: they are not. Group 0 stands for every group."""
        cdef udp_address *source = &message_of(self).source
        if addr_group == 0:
            return 1 if features_of(self).sources.group_of(source, False) >= 0 else -1
        return 1 if features_of(self).sources.group(addr_group).contains(source) else -1

    def allow_address(self, int addr_group, str ips not None, int port):
        """The same for an address and port given as arguments."""
        cdef udp_address address
        if not read_address(ips, port, &address):
            return -1
        if addr_group == 0:
            return 1 if features_of(self).sources.group_of(&address, False) >= 0 else -1
        return 1 if features_of(self).sources.group(addr_group).contains(&address) else -1

    def allow_source_address_group(self):
        """The lowest group that the source is in; -1: none."""
        return features_of(self).sources.group_of(&message_of(self).source, False)

    def allow_address_group(self, str addr not None, int port):
        """The same for an address and port given as arguments."""
        cdef udp_address address
        return features_of(self).sources.group_of(&address, False) if read_address(addr, port, &address) else -1

    def allow_trusted(self):
        """-1: there is no table of trusted peers; groups of addresses take its place."""
        return -1

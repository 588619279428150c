/* A set of IPv4 and IPv6 networks, kept as sorted ranges that neither overlap nor touch: a look-up is one binary
 * search, so a route's three networks and an access list's hundred thousand are the same code. */
#ifndef UACFAST_IP_NETWORKS_H
#define UACFAST_IP_NETWORKS_H
#include <stddef.h>
#include <stdint.h>

typedef struct { uint32_t first, last; } ipv4_range;
typedef struct { uint64_t high, low; } ipv6_number;
typedef struct { ipv6_number first, last; } ipv6_range;

typedef struct {
    ipv4_range *v4;
    ipv6_range *v6;
    size_t v4_count, v4_capacity, v6_count, v6_capacity;
} ip_networks;   /* all zero: the empty set */

/* Adds one network; `address` is 4 (AF_INET) or 16 (AF_INET6) octets in network order. ::ffff:a.b.c.d/96+n is the IPv4
 * network a.b.c.d/n. Returns 0; -1: no memory; -2: the address has bits set after the prefix; -3: no such family or
 * prefix length. Call ip_networks_seal() after the last one. */
int ip_networks_add(ip_networks *networks, const unsigned char *address, int family, unsigned prefix);
/* Sorts and joins the ranges; needed before ip_networks_contain(). */
void ip_networks_seal(ip_networks *networks);
/* 1 when the address is in one of the networks. An IPv4-mapped IPv6 address is looked up as IPv4 only; a family other
 * than AF_INET and AF_INET6 is in none. */
int ip_networks_contain(const ip_networks *networks, const unsigned char *address, int family);
void ip_networks_free(ip_networks *networks);
#endif

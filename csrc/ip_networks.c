#include "ip_networks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static uint32_t read_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static ipv6_number read_ipv6(const unsigned char *at)
{
    ipv6_number number = {
        (uint64_t)read_u32(at) << 32 | read_u32(at + 4),
        (uint64_t)read_u32(at + 8) << 32 | read_u32(at + 12),
    };
    return number;
}

static int compare_ipv6(ipv6_number a, ipv6_number b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    if (a.low != b.low)
        return a.low < b.low ? -1 : 1;
    return 0;
}

/* The host part's bits, all set: a shift by the whole width is undefined in C. */
static uint32_t host_bits_32(unsigned prefix)
{
    return prefix == 0 ? UINT32_MAX : prefix >= 32 ? 0 : UINT32_MAX >> prefix;
}

static uint64_t host_bits_64(unsigned prefix)
{
    return prefix == 0 ? UINT64_MAX : prefix >= 64 ? 0 : UINT64_MAX >> prefix;
}

/* Makes room for one more element; NULL (and the old block kept) when there is no memory. */
static void *grown(void *block, size_t *capacity, size_t count, size_t element)
{
    size_t wanted;

    if (count < *capacity)
        return block;
    wanted = *capacity ? *capacity * 2 : 4;
    if (wanted > SIZE_MAX / element)
        return NULL;
    block = realloc(block, wanted * element);
    if (block)
        *capacity = wanted;
    return block;
}

static int add_ipv4(ip_networks *networks, const unsigned char *address, unsigned prefix)
{
    uint32_t first = read_u32(address), host = host_bits_32(prefix);
    ipv4_range *ranges;

    if (first & host)
        return -2;
    ranges = grown(networks->v4, &networks->v4_capacity, networks->v4_count, sizeof *ranges);
    if (!ranges)
        return -1;
    networks->v4 = ranges;
    ranges[networks->v4_count++] = (ipv4_range){first, first | host};
    return 0;
}

static int add_ipv6(ip_networks *networks, const unsigned char *address, unsigned prefix)
{
    ipv6_number first = read_ipv6(address), last = first;
    uint64_t high = host_bits_64(prefix), low = host_bits_64(prefix <= 64 ? 0 : prefix - 64);
    ipv6_range *ranges;

    if ((first.high & high) || (first.low & low))
        return -2;
    last.high |= high;
    last.low |= low;
    ranges = grown(networks->v6, &networks->v6_capacity, networks->v6_count, sizeof *ranges);
    if (!ranges)
        return -1;
    networks->v6 = ranges;
    ranges[networks->v6_count++] = (ipv6_range){first, last};
    return 0;
}

int ip_networks_add(ip_networks *networks, const unsigned char *address, int family, unsigned prefix)
{
    if (family == AF_INET && prefix <= 32)
        return add_ipv4(networks, address, prefix);
    if (family != AF_INET6 || prefix > 128)
        return -3;
    if (prefix >= 96 && memcmp(address, mapped_prefix, sizeof mapped_prefix) == 0)
        return add_ipv4(networks, address + 12, prefix - 96);
    return add_ipv6(networks, address, prefix);
}

static int by_first_ipv4(const void *a, const void *b)
{
    uint32_t one = ((const ipv4_range *)a)->first, other = ((const ipv4_range *)b)->first;
    return (one > other) - (one < other);
}

static int by_first_ipv6(const void *a, const void *b)
{
    return compare_ipv6(((const ipv6_range *)a)->first, ((const ipv6_range *)b)->first);
}

static int touches_ipv6(ipv6_number last, ipv6_number first)
{
    if (compare_ipv6(first, last) <= 0)
        return 1;
    if (++last.low == 0)
        last.high++;
    return compare_ipv6(first, last) == 0;
}

void ip_networks_seal(ip_networks *networks)
{
    size_t kept = 0;

    if (networks->v4_count) {
        ipv4_range *v4 = networks->v4;
        qsort(v4, networks->v4_count, sizeof *v4, by_first_ipv4);
        for (size_t i = 1; i < networks->v4_count; i++) {
            if (v4[i].first <= v4[kept].last || v4[i].first - 1 == v4[kept].last) {
                if (v4[i].last > v4[kept].last)
                    v4[kept].last = v4[i].last;
            } else {
                v4[++kept] = v4[i];
            }
        }
        networks->v4_count = kept + 1;
    }
    kept = 0;
    if (networks->v6_count) {
        ipv6_range *v6 = networks->v6;
        qsort(v6, networks->v6_count, sizeof *v6, by_first_ipv6);
        for (size_t i = 1; i < networks->v6_count; i++) {
            if (touches_ipv6(v6[kept].last, v6[i].first)) {
                if (compare_ipv6(v6[i].last, v6[kept].last) > 0)
                    v6[kept].last = v6[i].last;
            } else {
                v6[++kept] = v6[i];
            }
        }
        networks->v6_count = kept + 1;
    }
}

static int contain_ipv4(const ip_networks *networks, uint32_t address)
{
    size_t low = 0, high = networks->v4_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (networks->v4[middle].last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < networks->v4_count && networks->v4[low].first <= address;
}

static int contain_ipv6(const ip_networks *networks, ipv6_number address)
{
    size_t low = 0, high = networks->v6_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_ipv6(networks->v6[middle].last, address) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < networks->v6_count && compare_ipv6(networks->v6[low].first, address) <= 0;
}

int ip_networks_contain(const ip_networks *networks, const unsigned char *address, int family)
{
    if (family == AF_INET)
        return contain_ipv4(networks, read_u32(address));
    if (family != AF_INET6)
        return 0;
    if (memcmp(address, mapped_prefix, sizeof mapped_prefix) == 0)
        return contain_ipv4(networks, read_u32(address + 12));
    return contain_ipv6(networks, read_ipv6(address));
}

void ip_networks_free(ip_networks *networks)
{
    free(networks->v4);
    free(networks->v6);
    *networks = (ip_networks){0};
}

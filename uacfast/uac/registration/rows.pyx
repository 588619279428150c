"""Rows of uacreg: checked and packed for a record (uac-semantics §4.1, §4.2).

A row is a sequence in the order of the columns: l_uuid, l_username, l_domain, r_username, r_domain, realm,
auth_username, auth_password, auth_ha1, auth_proxy, expires, flags, reg_delay, contact_addr, socket, contact_user; the
last may be missing.
"""
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.string cimport memcpy

from uacfast.uac.registration.record cimport (
    AUTH_HA1, AUTH_PASSWORD, AUTH_PROXY, AUTH_USERNAME, CONTACT_ADDR, CONTACT_USER, L_DOMAIN, L_USERNAME, L_UUID,
    LOADED_FLAGS, R_DOMAIN, R_USERNAME, REALM, SOCKET, TEXTS,
)

cdef enum:
    TEXT_MOST = 512              # octets of one text
    EXPIRES_MOST = 0x7fffffff

TEXT_COLUMNS = ("l_uuid", "l_username", "l_domain", "r_username", "r_domain", "realm", "auth_username", "auth_password",
                "auth_ha1", "auth_proxy", "contact_addr", "socket", "contact_user")
ROW_FIELDS = (*TEXT_COLUMNS[:10], "expires", "flags", "reg_delay", *TEXT_COLUMNS[10:])

cdef bint[13] MAY_BE_EMPTY = [0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1]
# These become parts of a URI between <>.
cdef bint[13] IN_URI = [1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1]


cdef object pack_row(object row, PackedRow *packed):
    """None and `packed` filled, or a sentence that says why the row cannot be used."""
    cdef uint16_t *ends = <uint16_t *>packed.texts
    cdef char *at = packed.texts + TEXTS * sizeof(uint16_t)
    cdef uint32_t used = 0
    cdef Py_ssize_t length, i
    cdef int field
    cdef const char *text
    cdef char octet
    if len(row) < 15:
        return f"the row has {len(row)} columns, 15 are needed"
    for field in range(TEXTS):
        i = field if field < CONTACT_ADDR else field + 3
        value = row[i] if i < len(row) else ""
        if value is None:
            value = ""
        elif not isinstance(value, str):
            value = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
        try:
            text = PyUnicode_AsUTF8AndSize(value, &length)
        except UnicodeError:
            return f"{TEXT_COLUMNS[field]} is no UTF-8 text"
        if length == 0:
            if not MAY_BE_EMPTY[field]:
                return f"{TEXT_COLUMNS[field]} is empty"
        elif length > TEXT_MOST:
            return f"{TEXT_COLUMNS[field]} is longer than {TEXT_MOST} octets"
        for i in range(length):
            octet = text[i]
            if 0 <= octet < 32 or octet == 127:
                return f"{TEXT_COLUMNS[field]} has a control character"
            if IN_URI[field] and octet in (c' ', c'<', c'>', c'"'):
                return f"{TEXT_COLUMNS[field]} has {chr(octet)!r}, which cannot stand in a SIP URI"
        memcpy(at + used, text, length)
        if field == AUTH_HA1 and not lower_ha1(at + used, length):
            return "auth_ha1 is not 32 hexadecimal digits (MD5), 64 (SHA-256), or both with a comma between"
        used += <uint32_t>length
        ends[field] = <uint16_t>used
    if ends[AUTH_PASSWORD] == ends[AUTH_PASSWORD - 1] and ends[AUTH_HA1] == ends[AUTH_HA1 - 1]:
        return "auth_password and auth_ha1 are both empty"
    packed.length = TEXTS * sizeof(uint16_t) + used
    numbers = []
    for name, value in zip(("expires", "flags", "reg_delay"), row[10:13], strict=True):
        try:
            numbers.append(int(value or 0))
        except (TypeError, ValueError):
            return f"{name} is no number"
    if not 0 <= numbers[0] <= EXPIRES_MOST:
        return f"expires is {numbers[0]}; it must be 0 to {EXPIRES_MOST} seconds"
    packed.expires = numbers[0]
    packed.flags = numbers[1] & LOADED_FLAGS
    packed.delay = min(max(numbers[2], 0), EXPIRES_MOST)
    if len(row) > 15 and row[15] and row[13] and ";line=" in row[13].lower():
        return "contact_addr has a parameter `line`, which contact_user needs for itself"
    return None


cdef bint lower_ha1(char *at, Py_ssize_t length) noexcept:
    cdef Py_ssize_t i
    if length not in (0, 32, 64, 97):
        return False
    for i in range(length):
        if c'A' <= at[i] <= c'F':
            at[i] += 32
        elif i == 32 and length == 97:
            if at[i] != c',':
                return False
        elif not (c'0' <= at[i] <= c'9' or c'a' <= at[i] <= c'f'):
            return False
    return True

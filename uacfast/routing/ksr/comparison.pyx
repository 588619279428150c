"""Texts compared and searched the way that scripts ask for it."""
import functools
import logging
import re

from uacfast.routing.matcher import Regex

logger = logging.getLogger("uacfast.script")


@functools.lru_cache(maxsize=512)
def compiled(pattern):
    """A `search(bytes)` for the expression; one that automata cannot do falls to Python's re. None: it is broken."""
    try:
        return Regex(pattern).search
    except (ValueError, OverflowError):
        pass
    try:
        return re.compile(pattern.encode("utf-8", "surrogateescape")).search
    except (re.error, OverflowError, RecursionError) as error:
        logger.error("a script's regular expression %r cannot be used: %s", pattern, error)
        return None


cdef object expression(str pattern):
    return compiled(pattern)


cdef bint compare(str value, str operator, str other):
    """eq, ne, sw (starts with), in (contains), re (regular expression); False for what is none of these."""
    if operator == "eq":
        return value == other
    if operator == "ne":
        return value != other
    if operator == "sw":
        return value.startswith(other)
    if operator == "in":
        return other in value
    if operator == "re":
        search = compiled(other)
        return search is not None and bool(search(value.encode("utf-8", "surrogateescape")))
    logger.error("a script compares with %r: expected eq, ne, sw, in or re", operator)
    return False

"""All pseudo-variables by name. A text is compiled once and kept: at most CACHE_SIZE of each kind, the oldest goes
first, because scripts make texts of what messages hold."""
from uacfast.routing.pv import (
    destination, headers, network, parties, parts, records, sbranch, services, stores, surroundings, transactions,
)
from uacfast.routing.pv.selects import select
from uacfast.routing.pv.syntax import Variable, parse_text, parse_variable
from uacfast.routing.pv.transformation import Transformed, transformation
from uacfast.routing.pv.variable cimport Index

cdef enum:
    CACHE_SIZE = 4096
    CACHED_LENGTH_MAX = 512      # characters; longer texts are compiled each time

_FAMILIES = (destination, headers, network, parties, parts, records, sbranch, services, stores, surroundings,
             transactions)
# name -> what makes the variable, from its index or from its argument and its index
PLAIN = {name: make for family in _FAMILIES for name, make in family.PLAIN.items()}
WITH_ARGUMENT = {name: make for family in _FAMILIES for name, make in family.WITH_ARGUMENT.items()}
# Not the kept one of the same meaning: each variable knows how it was written.
WITH_ARGUMENT["sel"] = lambda argument, index: select(argument, lambda text: build(parse_variable(text, is_known)))

cdef dict variables = {}
cdef dict templates = {}


def is_known(str name):
    """Whether there is a variable of this name."""
    return name in PLAIN or name in WITH_ARGUMENT


cdef PseudoVariable build(tree):
    """The variable of a syntax tree; ValueError, a sentence, for names and parameters that are not known."""
    cdef PseudoVariable variable
    cdef Index index = Index(build(tree.index) if isinstance(tree.index, Variable) else tree.index)
    if tree.inner is None:
        make = PLAIN.get(tree.name)
        if make is None:
            raise unknown(tree, f"${tree.name}(...) takes a name in brackets" if tree.name in WITH_ARGUMENT else "")
        variable = make(index)
    else:
        make = WITH_ARGUMENT.get(tree.name)
        if make is None:
            raise unknown(tree, f"${tree.name} takes nothing in brackets" if tree.name in PLAIN else "")
        variable = make(build_text(tree.source, tree.inner), index)
    if tree.steps:
        variable = Transformed(variable, [
            transformation(step.name, [build(each) if isinstance(each, Variable) else each for each in step.parameters],
                           text_template)
            for step in tree.steps])
    variable.source = tree.source
    return variable


cdef object unknown(tree, str hint):
    return ValueError(f"{tree.source} is no pseudo-variable: {hint or 'there is none of that name'}.")


cdef TextTemplate build_text(str source, pieces):
    return TextTemplate(source, [build(piece) if isinstance(piece, Variable) else piece for piece in pieces])


cdef object keep(dict cache, str text, object compiled):
    if len(text) <= CACHED_LENGTH_MAX:
        if len(cache) >= CACHE_SIZE:
            del cache[next(iter(cache))]
        cache[text] = compiled
    return compiled


cpdef PseudoVariable pseudo_variable(str text):
    """The variable that the whole of `text` is, such as "$ru" or "$(avp(x)[1]{s.len})". ValueError, a sentence."""
    found = variables.get(text)
    if found is not None:
        return found
    if text is None:
        raise TypeError("The name of a pseudo-variable is a text.")
    return keep(variables, text, build(parse_variable(text, is_known)))


cpdef TextTemplate text_template(str text):
    """A text with variables in it, for log lines and the like; null shows as <null>. ValueError, a sentence."""
    found = templates.get(text)
    if found is not None:
        return found
    if text is None:
        raise TypeError("A text with pseudo-variables is a text.")
    return keep(templates, text, build_text(text, parse_text(text, is_known)))


def cached():
    """How many compiled variables and texts are kept."""
    return len(variables), len(templates)

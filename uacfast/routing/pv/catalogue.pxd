"""All pseudo-variables by name, compiled once."""
from uacfast.routing.pv.variable cimport PseudoVariable, TextTemplate

cpdef PseudoVariable pseudo_variable(str text)
cpdef TextTemplate text_template(str text)

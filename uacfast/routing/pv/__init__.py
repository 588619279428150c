"""Pseudo-variables (kemi-python.md §4): `$ru`, `$avp(x)`, `$(fu{uri.user})`, compiled once, evaluated per message."""
from uacfast.routing.pv.catalogue import pseudo_variable, text_template

__all__ = ["pseudo_variable", "text_template"]

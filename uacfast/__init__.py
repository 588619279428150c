"""A SIP edge proxy with the functions of Kamailio's UAC module."""

__version__ = "0.1.0"

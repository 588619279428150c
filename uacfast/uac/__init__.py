"""Kamailio's uac module: From/To replacement, digest. Imports: proxy, tm, sip, leaves."""

"""Kamailio's uac module: From/To replacement, answers to challenges. Imports: proxy, tm, sip, leaves."""

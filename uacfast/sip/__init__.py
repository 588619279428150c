"""One SIP message: its octets, their index, pending edits, messages of our own. Imports: leaves."""

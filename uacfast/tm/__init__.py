"""Transactions: the four state machines, timers, CANCEL, forking. Imports: transport, sip, leaves."""

"""What happens to one message: checks, route sets, forwarding. Imports: tm, transport, sip, leaves."""

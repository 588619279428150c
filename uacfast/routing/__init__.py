"""Policy: [[route]] compiled to a decision list. Imports: uac, proxy, tm, transport, sip, leaves."""

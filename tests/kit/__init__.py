"""Test kit: plain-socket SIP endpoints, programs under test, and a bad network. Shares no code with uacfast."""

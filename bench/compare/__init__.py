"""Drives the same SIP calls through uacfast, Kamailio and a bare UDP relay and compares what they cost.

    python -m bench.compare rate --pin same --rate 1000
    python -m bench.compare find-max
    python -m bench.compare memory 10000
    python -m bench.compare soak 1000000
    python -m bench.compare verify
    python -m bench.compare workers 2

Everything runs over loopback on free ports; only processes started here are signalled. docs/performance.md explains
the method.
"""

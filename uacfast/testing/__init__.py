"""What tests and benchmarks need from the inside; nothing of the running proxy imports it. Imports: all.

For those who write scripts: ScriptHarness runs one without a proxy (docs/scripts.md).
"""
from typing import Any

__all__ = ["ScriptHarness", "Sent"]


def __getattr__(name: str) -> Any:
    # The harness brings the whole program with it, which those who test a leaf do not need.
    if name in __all__:
        from uacfast.testing import harness

        return getattr(harness, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

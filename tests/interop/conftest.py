"""Interoperability always involves a real Kamailio; its absence is a failure."""

import pytest

from kit.programs import required


@pytest.fixture(scope="session", autouse=True)
def _kamailio_is_here() -> None:
    required("kamailio")

"""The benchmarks are a package at the top of the project, not an installed one."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from bench.compare.load import build  # noqa: E402
from bench.compare.systems import StartOptions  # noqa: E402


@pytest.fixture(scope="session")
def start_options(tmp_path_factory):
    """Generator and relay, compiled into a folder of this test process."""
    folder = tmp_path_factory.mktemp("bench-build")
    build(folder)
    return StartOptions(build=folder)

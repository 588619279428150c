"""Fixtures of all tests: endpoints, proxies that are started once per configuration, one directory per session."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.configuration import Configuration
from kit.endpoint import Endpoint
from kit.mariadb import MariaDb
from kit.ports import free_port
from kit.postgresql import PostgreSql
from kit.programs import Kamailio, Proxy, Uacfast

PROXIES = {"uacfast": Uacfast, "kamailio": Kamailio}
# The tests can be proven against the reference: UACFAST_TEST_PROXY=kamailio pytest -m "not own" tests/wire
PROXY = os.environ.get("UACFAST_TEST_PROXY", "uacfast")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "own: behaviour in which uacfast deliberately differs from Kamailio 5.6")


@pytest.fixture(scope="session")
def session_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="session")
def mariadb(session_directory: Path) -> Iterator[MariaDb]:
    """A running MariaDB; each test makes a database of its own: mariadb.url(mariadb.create_database())."""
    server = MariaDb(session_directory).install()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    """A running PostgreSQL; each test makes a database of its own: postgresql.url(postgresql.create_database())."""
    server = PostgreSql().install()
    yield server
    server.stop()


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    """Makes endpoints that are closed after the test."""
    made: list[Endpoint] = []

    def make(host: str = "127.0.0.1", port: int = 0) -> Endpoint:
        made.append(Endpoint(host, port))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def caller(endpoint: Callable[..., Endpoint]) -> Endpoint:
    return endpoint()


@pytest.fixture
def callee(endpoint: Callable[..., Endpoint]) -> Endpoint:
    return endpoint()


def stop_all(proxies: list[Proxy]) -> None:
    """Stop every one, then AssertionError with all that went wrong."""
    failures = []
    for one in proxies:
        try:
            one.stop()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


class SharedProxies:
    """One running proxy per distinct configuration; a dead one is replaced so that one crash fails one test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.running: dict[str, Proxy] = {}
        self.started: list[Proxy] = []
        self.used: list[Proxy] = []

    def get(self, configuration: Configuration) -> Proxy:
        key = repr(configuration)
        proxy = self.running.get(key)
        if proxy is None or not proxy.is_alive():
            listen = configuration.listen or ("udp:127.0.0.1:PORT",)
            port = str(free_port())
            listen = tuple(uri.replace("PORT", port) for uri in listen)
            proxy = PROXIES[PROXY](self.directory, dataclasses.replace(configuration, listen=listen))
            self.started.append(proxy)
            self.running[key] = proxy.start()
        self.used.append(proxy)
        return proxy

    def check(self) -> None:
        used, self.used = self.used, []
        for proxy in used:
            assert proxy.is_alive(), f"the proxy ended during the test:\n{proxy.stderr[-4000:]}"


@pytest.fixture(scope="session")
def _shared_proxies(session_directory: Path) -> Iterator[SharedProxies]:
    shared = SharedProxies(session_directory)
    yield shared
    stop_all([proxy for proxy in shared.started if proxy.is_alive()])


@pytest.fixture
def shared_proxy(_shared_proxies: SharedProxies) -> Iterator[Callable[..., Proxy]]:
    """A proxy with this configuration, shared by all tests that ask for an equal one.

    PORT in a listen URI is replaced by a free port.
    """

    def get(listen: tuple[str, ...] = (), **parts) -> Proxy:
        return _shared_proxies.get(Configuration(listen=listen, **parts))

    yield get
    _shared_proxies.check()


@pytest.fixture
def proxy(shared_proxy: Callable[..., Proxy]) -> Proxy:
    """The plain proxy: relays by Request-URI, record-routes dialogs."""
    return shared_proxy()


@pytest.fixture
def start(session_directory: Path) -> Iterator[Callable[..., Proxy]]:
    """Starts a proxy of this test's own: start(Configuration) or start(Configuration, "kamailio")."""
    started: list[Proxy] = []

    def launch(configuration: Configuration, program: str = PROXY) -> Proxy:
        one = PROXIES[program](session_directory, configuration)
        started.append(one)
        return one.start()

    yield launch
    stop_all([one for one in reversed(started) if one.process is not None])

"""Database URLs: every part, what is refused, and that no text shows a password."""
import pytest

from uacfast.store import StoreError, parse_url


def parts(url):
    found = parse_url(url)
    return found.kind, found.user, found.password, found.host, found.port, found.database


@pytest.mark.parametrize("url,expected", [
    ("mysql://kamailio:rw@db.example/kamailio", ("mysql", "kamailio", "rw", "db.example", 0, "kamailio")),
    ("mariadb://kamailio:rw@192.0.2.1:3307/kam", ("mysql", "kamailio", "rw", "192.0.2.1", 3307, "kam")),
    ("MySQL://u@h/d", ("mysql", "u", "", "h", 0, "d")),
    ("mysql://u:p%40ss%2Fw%3Ard%3F%25%23@h/d", ("mysql", "u", "p@ss/w:rd?%#", "h", 0, "d")),
    ("mysql://u:p@ss@h/d", ("mysql", "u", "p@ss", "h", 0, "d")),
    ("mysql://u:a:b#c@h/d", ("mysql", "u", "a:b#c", "h", 0, "d")),
    ("mysql://u%40x:p@h/d%20e", ("mysql", "u@x", "p", "h", 0, "d e")),
    ("mysql://u:p@[2001:db8::1]:3306/d", ("mysql", "u", "p", "2001:db8::1", 3306, "d")),
    ("postgres://u:p@h:5433/d", ("postgres", "u", "p", "h", 5433, "d")),
    ("postgresql://u:p@h/d", ("postgres", "u", "p", "h", 0, "d")),
    ("mysql://h/d", ("mysql", "", "", "h", 0, "d")),
])
def test_servers(url, expected):
    assert parts(url) == expected


@pytest.mark.parametrize("url,path", [
    ("sqlite:///uacfast.db", "uacfast.db"), ("sqlite:////var/lib/uacfast.db", "/var/lib/uacfast.db"),
    ("sqlite:///./a%20b.db", "./a b.db"),
])
def test_sqlite(url, path):
    assert parse_url(url).path == path


def test_unix_sockets():
    assert parse_url("mysql://u:p@/d?unix_socket=/run/mysqld/mysqld.sock").option("unix_socket") == \
        "/run/mysqld/mysqld.sock"
    assert parse_url("postgres://u@/d?host=/run/postgresql&sslmode=disable").option("host") == "/run/postgresql"


@pytest.mark.parametrize("url,phrase", [
    ("", "not understood"), ("uacreg", "not understood"), ("sqlite:uacfast.db", "not understood"),
    ("oracle://u:p@h/d", '"oracle:", which is not supported'),
    ("sqlite://", "no file"), ("sqlite:///", "no file"), ("sqlite:///a%00b", "no file"),
    ("sqlite://uacfast.db", "sqlite:///PATH"), ("sqlite:///x.db?mode=ro", "question mark"),
    ("mysql://u:p@h", "names no database"), ("mysql://u:p@h/", "names no database"),
    ("mysql://u:p@/d", "names no host"), ("postgres://u:p@/d", "host=/DIRECTORY"),
    ("mysql://u:p@h:x/d", "no usable host"), ("mysql://u:p@h:70000/d", "no usable host"),
    ("mysql://u:p@h:0/d", "no usable host"), ("mysql://u:p@[::1/d", "no usable host"),
    ("mysql://u:a/b@h/d", "percent-encoded"), ("mysql://u:p@h/d/e", "percent-encoded"),
    ("mysql://u:p@h/d?charset=utf8", "unix_socket=… or ssl_ca=…"), ("mysql://u:p@h/d?unix_socket=", "question mark"),
    ("postgres://u:p@h/d?sslmode=sometimes", "sslmode"), ("mysql://u:p%00@h/d", "%00"),
])
def test_refused_with_a_sentence(url, phrase):
    with pytest.raises(StoreError, match=".") as caught:
        parse_url(url)
    assert phrase in str(caught.value)
    assert not caught.value.away


@pytest.mark.parametrize("url", [
    "mysql://u:hunter2@h", "mysql://u:hunter2@h:x/d", "mysql://u:hunter2/@h/d", "mysql://u:hunter2?@h/d",
    "sqlite://hunter2/x", "mysql://u:p%00hunter2@h/d", "mysql:/u:hunter2@h/d", "oracle://u:hunter2@h/d",
    "mysql://u:p@h/d?hunter2", "postgres://u:p@h/d?sslmode=hunter2", "mysql://u:hunter2@/d", "u:hunter2@h",
])
def test_no_error_shows_a_password(url):
    with pytest.raises(StoreError, match=".") as caught:
        parse_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url,shown", [
    ("mysql://u:hunter2@h:3307/d", "mysql://u@h:3307/d"), ("postgres://u:hunter2@[::1]/d", "postgres://u@[::1]/d"),
    ("mysql://u:hunter2@/d?unix_socket=/run/s", "mysql://u@/d?unix_socket=/run/s"),
    ("sqlite:////var/x.db", "sqlite:////var/x.db"),
])
def test_shown_without_password(url, shown):
    found = parse_url(url)
    assert str(found) == shown
    assert "hunter2" not in repr(found)
    assert str(parse_url(shown)) == shown


def test_messages_of_drivers_are_cleaned():
    assert parse_url("mysql://u:hunter2@h/d").without_secrets("hunter2 is wrong") == "*** is wrong"

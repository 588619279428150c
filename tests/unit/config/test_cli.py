"""The command line: what it prints, where, and the exit status."""
import io
import os
import stat
import subprocess
import sys
import types

import pytest

import uacfast
from uacfast import cli, log
from uacfast.config import Config
from uacfast.starter import STARTER

LISTEN = '[[listen]]\nuri = "udp:127.0.0.1:5060"\n'


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "edge.toml"
        path.write_text(text)
        return str(path)
    return write


def test_check_ok(write, capsys):
    path = write(LISTEN)
    assert cli.main(["check", path]) == 0
    assert capsys.readouterr() == (f"{path}: ok\n", "")


def test_check_tells_every_error(write, capsys):
    path = write(LISTEN + "[tm]\nfr_timer = 'x'\nfr_inv_timer = 0\n")
    assert cli.main(["check", path]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(" = ")[0] for line in err.splitlines()] == [f"{path}:4: tm.fr_timer",
                                                                   f"{path}:5: tm.fr_inv_timer"]


def test_check_warns_of_keys_without_effect(write, capsys):
    path = write(LISTEN + "[uac]\nevent_callback = 'on_event'\n")
    assert cli.main(["check", path]) == 0
    out, err = capsys.readouterr()
    assert out == f"{path}: ok\n"
    assert err.startswith(f"{path}: warning: uac.event_callback has no effect without script.file")
    assert err.count("\n") == 1


def test_init_writes_a_configuration_that_passes(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init"]) == 0
    assert (tmp_path / "uacfast.toml").read_text() == STARTER
    assert stat.S_IMODE(os.stat("uacfast.toml").st_mode) & 0o007 == 0
    assert "uacfast run uacfast.toml" in capsys.readouterr().out
    assert cli.main(["check", "uacfast.toml"]) == 0
    assert capsys.readouterr() == ("uacfast.toml: ok\n", "")


def test_init_leaves_a_file_alone(write, capsys):
    path = write("mine")
    assert cli.main(["init", path]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err == f"{path} exists already and is left as it is; give another path or move it away\n"
    with open(path) as file:
        assert file.read() == "mine"


def test_init_into_nowhere(tmp_path, capsys):
    path = str(tmp_path / "missing" / "edge.toml")
    assert cli.main(["init", path]) == 1
    assert capsys.readouterr().err == f"{path} cannot be written: No such file or directory\n"
    assert cli.main(["init", "a\0b"]) == 1


@pytest.fixture
def server(monkeypatch):
    """A server that notes how it was called."""
    calls = []
    module = types.ModuleType("uacfast.server")
    module.run = lambda path, config: calls.append((path, config)) or 7
    monkeypatch.setitem(sys.modules, "uacfast.server", module)
    monkeypatch.setattr(uacfast, "server", module, raising=False)
    levels = []
    monkeypatch.setattr(log, "setup", lambda level, format: levels.append((level, format)))
    return calls, levels


def test_run(write, server, caplog):
    calls, levels = server
    path = write(LISTEN + "[server]\nlog_level = 'debug'\nlog_format = 'json'\n"
                 "[uac]\nevent_callback = 'on_event'\n[[route]]\nname = 'in'\ndialog = 1\n")
    assert cli.main(["run", path]) == 7
    (given, config), = calls
    assert given == path and isinstance(config, Config) and config.route[0].dialog
    assert levels == [("debug", "json")]
    record, = caplog.records
    assert record.name == "uacfast.config" and record.levelname == "WARNING"
    assert record.getMessage().startswith("uac.event_callback has no effect without script.file")


def test_run_with_errors_starts_nothing(write, server, capsys):
    calls, _ = server
    path = write("[[listen]]\nuri = 5\n")
    assert cli.main(["run", path]) == 1
    assert calls == [] and capsys.readouterr().err.startswith(f"{path}:2: listen[0].uri = 5: expected ")


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run"], ["check"], ["check", "a", "b"]])
def test_wrong_command_line(arguments, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(SystemExit) as exit:
        cli.main(arguments)
    assert exit.value.code == 2 and "usage: uacfast" in sys.stderr.getvalue()


def test_module_entry():
    def call(*arguments):
        return subprocess.run([sys.executable, "-m", "uacfast", *arguments], capture_output=True, text=True)

    said = call("--version")
    assert (said.returncode, said.stdout) == (0, f"uacfast {uacfast.__version__}\n")
    refused = call("check", "/nonexistent.toml")
    assert refused.returncode == 1 and "there is no such file" in refused.stderr

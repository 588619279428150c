"""An interrupted benchmark leaves no process and no file behind."""
import os
import signal
import subprocess
import sys
import tomllib

import pytest

from bench.compare.processes import process_tree, wait_until
from bench.compare.systems import PROJECT, SYSTEMS, Ports, StartOptions


def is_running(pid, name):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return name in file.read()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_interrupting_stops_everything(tmp_path, start_options, number, status):
    def descendants(name):
        return [pid for pid in process_tree(driver.pid) if is_running(pid, name)]

    command = [sys.executable, "-m", "bench.compare", "rate", "--systems", "relay", "--pin", "none", "--rate", "10",
               "--seconds", "60"]
    driver = subprocess.Popen(command, cwd=PROJECT, env=os.environ | {"TMPDIR": str(tmp_path)},
                              stderr=subprocess.DEVNULL,
                              # Of a test run in the background it would inherit that SIGINT is ignored.
                              preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        wait_until(lambda: descendants(b"sip_load") and descendants(b"udp_relay"), 60, "the load")
        started = descendants(b"sip_load") + descendants(b"udp_relay")
        driver.send_signal(number)
        assert driver.wait(20) == status
    finally:
        driver.kill()
        driver.wait()
    for pid in started:
        wait_until(lambda pid=pid: not is_running(pid, b"bench"), 10, f"the end of process {pid}")
    if number != signal.SIGKILL:
        assert os.listdir(tmp_path) == []


def test_the_configuration_for_uacfast_is_filled_in(tmp_path):
    command, environment = SYSTEMS["uacfast"].command(Ports(16000, 16100, 16200), tmp_path, StartOptions(workers=2))
    assert command == [sys.executable, "-m", "uacfast", "run", str(tmp_path / "edge.toml")]
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(PROJECT)
    config = tomllib.loads((tmp_path / "edge.toml").read_text())
    assert config["server"]["workers"] == 2 and config["listen"] == [{"uri": "udp:127.0.0.1:16000"}]
    assert [route["relay"] for route in config["route"]] == [["sip:127.0.0.1:16200"]] * 2


def test_another_command_and_configuration_for_uacfast(tmp_path):
    template = tmp_path / "mine.toml"
    template.write_text('listen = "{port}"')
    options = StartOptions(uacfast_command="edge --config {config}", uacfast_config=str(template))
    command, _ = SYSTEMS["uacfast"].command(Ports(16000, 16100, 16200), tmp_path, options)
    assert command == ["edge", "--config", str(tmp_path / "edge.toml")]
    assert (tmp_path / "edge.toml").read_text() == 'listen = "16000"'

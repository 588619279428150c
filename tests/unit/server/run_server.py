"""Runs the program with the stand-in engine: run_server.py CONFIG [WARNED KILLED], the seconds of silence."""
import sys

from uacfast import config, log, server, supervisor

if __name__ == "__main__":
    loaded = config.load(sys.argv[1])
    if len(sys.argv) > 2:
        supervisor.SILENCE_WARNED_SECONDS = float(sys.argv[2])
        supervisor.SILENCE_KILLED_SECONDS = float(sys.argv[3])
    log.setup(loaded.server.log_level, loaded.server.log_format)
    sys.exit(server.run(sys.argv[1], loaded, engine="stand_in_engine:Engine"))

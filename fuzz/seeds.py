"""Cuts the torture messages into seeds: whole messages, their URIs and their header values. Run: seeds.py FOLDER"""
import re
import sys
from pathlib import Path

TORTURE = Path(__file__).parents[1] / "tests" / "data" / "torture"
URI = re.compile(rb"(?:sips?|tel|isbn|soap\.beep|http):[^ \r\n<>\"]+")


def write(folder: Path, items: set[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(sorted(items)):
        (folder / f"seed-{number:04}").write_bytes(item)


def main(folder: Path) -> None:
    messages = {path.read_bytes() for path in TORTURE.glob("*.sip")}
    values, uris = set(), set()
    for message in messages:
        head = message.partition(b"\r\n\r\n")[0]
        for line in re.split(rb"\r\n(?![ \t])", head)[1:]:
            values.add(line.partition(b":")[2].strip())
        found = URI.findall(message)
        uris |= set(found) | {b"\n".join(found[:2])}
    write(folder / "scan", messages)
    write(folder / "uri", uris)
    write(folder / "header", values)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

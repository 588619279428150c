"""Cuts the torture messages into seeds: whole messages, their URIs and their header values; and the vectors of the
Record-Route parameter. Run: seeds.py FOLDER"""
import json
import re
import sys
from pathlib import Path

DATA = Path(__file__).parents[1] / "tests" / "data"
TORTURE = DATA / "torture"
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
    vectors = json.loads((DATA / "rr-param-vectors.json").read_text(encoding="utf-8"))["vectors"]
    write(folder / "rr_param", {rr_param_seed(vector) for vector in vectors})


def rr_param_seed(vector: dict[str, str]) -> bytes:
    """Lengths of both URIs and of the room, then the URIs and the password: what fuzz_rr_param.c reads."""
    original, replacement, password = (vector[key].encode("latin-1")
                                       for key in ("original_uri", "replacement_uri", "password"))
    lengths = (len(original), len(replacement), 1372)
    return b"".join(n.to_bytes(2, "big") for n in lengths) + original + replacement + password


if __name__ == "__main__":
    main(Path(sys.argv[1]))

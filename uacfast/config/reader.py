"""From the tables of a TOML document to Structs, collecting every error on the way."""
import difflib
from typing import Any

import msgspec

from .problems import Path, Problem, dotted, show
from .schema import Key, Value, keys_of
from .values import EMPTY_IS_UNSET


class Reader:
    """Reads one document. `problems` grows; a value with an error is read as its default (None in a list and for a
    required key), so that every other rule can still be checked; `failed` knows which these are."""

    def __init__(self, lines: dict[Path, int], tables: dict[str, Any], root: type[msgspec.Struct]) -> None:
        self.lines = lines
        self.problems: list[Problem] = []
        self._failed: set[Path] = set()
        self._tables = tables
        self._root = root

    def problem(self, path: Path, expected: str, value: Any = msgspec.UNSET, secret: bool = False) -> None:
        """Notes an error at `path`; `value` is shown unless it is a secret."""
        shown = "" if value is msgspec.UNSET else "***" if secret else show(value)
        for length in range(len(path), 0, -1):
            self._failed.add(path[:length])
        self.problems.append(Problem(self.line(path), dotted(path), shown, expected, self._route_name(path)))

    def failed(self, *paths: Path) -> bool:
        """True when one of these keys, or anything inside them, has an error."""
        return any(path in self._failed for path in paths)

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest table around it that is written down."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1

    def _route_name(self, path: Path) -> str:
        if len(path) < 2 or path[0] != "route":
            return ""
        route = self._tables["route"]
        table = route[path[1]] if isinstance(route, list) and isinstance(path[1], int) else None
        name = table.get("name") if isinstance(table, dict) else None
        return name if isinstance(name, str) else ""

    def table(self, struct: type[msgspec.Struct], given: dict[str, Any], path: Path) -> msgspec.Struct:
        """Reads one table; `path` is where it stands in the document."""
        keys = keys_of(struct)
        attributes = {}
        for name in given:
            if name not in keys:
                self.problem(path + (name,), self._unknown(struct, name, path))
        for key in keys.values():
            if key.key in given:
                attributes[key.name] = self._key(key, given[key.key], path + (key.key,))
            elif key.required:
                self.problem(path + (key.key,), f"is missing: expected {key.value.expected}")
                attributes[key.name] = None
        return struct(**attributes)

    def _unknown(self, struct: type[msgspec.Struct], name: str, path: Path) -> str:
        keys = list(keys_of(struct))
        what = "key" if path else "table"
        nearest = difflib.get_close_matches(name, keys, n=1)
        if nearest:
            return f'is not a known {what}; did you mean "{nearest[0]}"?'
        for section, key in keys_of(self._root).items():
            if path and key.value.struct is not struct and key.value.struct and name in keys_of(key.value.struct):
                return f"is not a known key here; it belongs into {f'[[{section}]]' if key.many else f'[{section}]'}"
        return f"is not a known {what}; known are {', '.join(keys)}"

    def _key(self, key: Key, given: Any, path: Path) -> Any:
        if not key.many:
            read = self._value(key.value, given, path)
            return key.default if read is None else read
        if given == "" and EMPTY_IS_UNSET in key.markers:
            return ()
        if key.value.struct and len(path) == 1 and not isinstance(given, list):
            self.problem(path, f"expected [[{key.key}]] in double brackets, as often as needed", given, key.secret)
            return key.default
        if key.value.struct and isinstance(given, dict):
            self.problem(path, f"expected a list of {key.value.expected}", given, key.secret)
            return key.default
        if isinstance(given, list):
            return tuple(self._value(key.value, element, path + (index,)) for index, element in enumerate(given))
        return (self._value(key.value, given, path),)

    def _value(self, value: Value, given: Any, path: Path) -> Any:
        try:
            if value.struct is None:
                return _converted(value, given)
            if isinstance(given, dict):
                return self.table(value.struct, given, path)
            if isinstance(given, str) and hasattr(value.struct, "from_text"):
                return value.struct.from_text(given)
            if len(path) == 1:
                raise ValueError(f"[{path[0]}] in single brackets, once")
            raise ValueError(value.expected)
        except msgspec.ValidationError:
            expected = value.expected
        except ValueError as error:
            expected = str(error)
        self.problem(path, f"expected {expected}", given, value.secret)
        return None


def _converted(value: Value, given: Any) -> Any:
    if value.type is bool or getattr(value.type, "__origin__", None) is bool:
        given = bool(given) if type(given) is int and given in (0, 1) else given      # Kamailio's 0/1
    converted = msgspec.convert(given, value.type)
    for check in value.checks:
        converted = check.apply(converted)
    return converted

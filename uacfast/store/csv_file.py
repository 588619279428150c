"""Accounts from a CSV file: UTF-8, the first line names columns of uacreg, l_uuid among them."""
import csv
from collections.abc import Iterator

from .errors import StoreError
from .tables import REGISTRATION_COLUMNS, TEXT, Column

MOST_PROBLEMS = 20
_INT32_MAX = 2**31 - 1


class CsvFile:
    """A file whose header is understood: `columns`, and `batches()` of rows in their order."""

    def __init__(self, path: str) -> None:
        """Reads the header. StoreError: the file cannot be read, or the header has something else than columns."""
        self.path = path
        self.columns = self._header()

    def _header(self) -> list[Column]:
        names = next(self._lines(), (1, []))[1]
        known = {column.name: column for column in REGISTRATION_COLUMNS}
        if unknown := [name for name in names if name not in known]:
            raise StoreError(f"{self.path}:1: unknown column {', '.join(repr(name) for name in unknown)}; "
                             f"expected names out of {', '.join(known)}")
        if len(set(names)) < len(names):
            raise StoreError(f"{self.path}:1: a column stands there twice")
        if "l_uuid" not in names:
            raise StoreError(f"{self.path}:1: expected the names of columns, l_uuid among them")
        return [known[name] for name in names]

    def check(self) -> int:
        """The number of rows. StoreError: every row that the table would not take, up to 20, each on its own line."""
        problems = []
        count = 0
        for line, values in self._rows():
            count += 1
            problems += [f"{self.path}:{line}: {problem}" for problem in self._problems(values)]
            if len(problems) >= MOST_PROBLEMS:
                problems.append("there may be more")
                break
        if problems:
            raise StoreError("\n".join(problems))
        return count

    def batches(self, size: int = 500) -> Iterator[list[tuple[str | int, ...]]]:
        """The rows of a file that check() has found good, `size` at a time."""
        batch = []
        for _, values in self._rows():
            batch.append(tuple(value if column.kind == TEXT else int(value or 0)
                               for value, column in zip(values, self.columns, strict=True)))
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        lines = self._lines()
        next(lines, None)
        return ((line, values) for line, values in lines if values)

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        try:
            with open(self.path, encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, strict=True)
                for values in reader:
                    yield reader.line_num, values
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise StoreError(f"{self.path} is not UTF-8 text; save the file as UTF-8") from None
        except csv.Error as error:
            raise StoreError(f"{self.path}:{reader.line_num}: is not CSV: {error}") from None

    def _problems(self, values: list[str]) -> list[str]:
        # Values are not repeated: they may be passwords.
        if len(values) != len(self.columns):
            return [f"has {len(values)} values, expected {len(self.columns)}"]
        problems = []
        for value, column in zip(values, self.columns, strict=True):
            if column.kind != TEXT:
                if value and not (value.isascii() and value.isdigit() and int(value[:20]) <= _INT32_MAX):
                    problems.append(f"{column.name}: expected an integer from 0 to {_INT32_MAX}")
            elif len(value) > column.length:
                problems.append(f"{column.name}: expected at most {column.length} characters, not {len(value)}")
            elif "\0" in value:
                problems.append(f"{column.name}: expected text without NUL")
            elif column.name == "l_uuid" and not value:
                problems.append("l_uuid: expected a value")
        return problems

"""The commands on databases: `uacfast db init URL`, `uacfast db check URL`, `uacfast db import FILE.csv URL`."""
import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from uacfast.store import Store, StoreError, open_store
from uacfast.store.csv_file import CsvFile

_TABLES = ("subscriber", "address", "uacfast_regstate")


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `db` and what follows it to the command line. Their action returns the exit status."""
    parser = commands.add_parser("db", help="create, check and fill the tables in a database",
                                 description="Tables of accounts. URL: sqlite:///PATH, "
                                             "mysql://USER:PASSWORD@HOST/DATABASE or "
                                             "postgres://USER:PASSWORD@HOST/DATABASE, special characters "
                                             "percent-encoded.")
    actions = parser.add_subparsers(metavar="COMMAND", required=True)
    init = actions.add_parser("init", help="create the tables that are missing",
                              description="Creates the tables that are missing, as Kamailio 5.6 has them, and "
                                          "uacfast_regstate. What is there stays as it is.")
    init.add_argument("--table-version", metavar="VERSION", type=int, choices=(5, 6), default=5,
                      help="of uacreg: 5 (Kamailio 5.6 to 6.1, the default) or 6 (with the column contact_user)")
    _finish(init, lambda command: _with_store(command.url, lambda store: _init(store, command)))
    check = actions.add_parser("check", help="say whether the tables can be used",
                               description="Connects and says which tables are there. Exit status 0: the accounts can "
                                           "be read, 1: they cannot.")
    _finish(check, lambda command: _with_store(command.url, lambda store: _check(store, command)))
    load = actions.add_parser("import", help="write accounts from a CSV file into the table",
                              description="Writes accounts into the table; the first line of FILE names its columns. A "
                                          "row with a known l_uuid takes the place of the old values. When FILE has an "
                                          "error, nothing is written.")
    load.add_argument("file", metavar="FILE")
    _finish(load, lambda command: _with_store(command.url, lambda store: _import(store, command)))


def _finish(parser: argparse.ArgumentParser, action: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument("url", metavar="URL", help="the database")
    parser.add_argument("--table", default="uacreg", help="name of the table of accounts; default: uacreg")
    parser.set_defaults(action=action)


def _with_store(url: str, work: Callable[[Store], Awaitable[None]]) -> int:
    async def run() -> None:
        store = await open_store(url)
        try:
            await work(store)
        finally:
            await store.close()
    try:
        asyncio.run(run())
    except StoreError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _init(store: Store, command: argparse.Namespace) -> None:
    made = await store.create_tables(command.table, command.table_version)
    for sentence in made:
        print(sentence)
    print(f"{store.name} is ready" + ("" if made else ": every table is there already"))


async def _check(store: Store, command: argparse.Namespace) -> None:
    print(f"{store.name}: {await store.describe()}")
    for table in (command.table, *_TABLES):
        if await store.columns_of(table):
            version = await store.version_of(table)
            print(f"{table}: {'no version' if version is None else f'version {version}'}, "
                  f"{await store.count(table)} rows")
        else:
            print(f"{table}: not there; `uacfast db init` makes it")
    await store.check_registrations(command.table)


async def _import(store: Store, command: argparse.Namespace) -> None:
    file = CsvFile(command.file)
    count = file.check()
    await store.check_registrations(command.table)
    columns = [column.name for column in file.columns]
    written = 0
    try:
        for batch in file.batches():
            await store.import_registrations(command.table, columns, batch)
            written += len(batch)
    except StoreError as error:
        raise StoreError(f"{error}\n{written} of {count} rows are written; running it again writes the others"
                         ) from None
    print(f"{count} rows of {command.file} are in table {command.table} of {store.name}")

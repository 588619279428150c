"""`uacfast db init`, `check` and `import`: what they print, where, and the exit status."""
import pytest

from kit.databases import SqliteFile
from uacfast import cli

HEADER = "l_uuid,l_username,l_domain,r_username,r_domain,auth_username,auth_password,auth_proxy,expires\n"
ROW = "u{0},a,b,c,d,e,\"p,{0}\",sip:x,36{0}\n"


@pytest.fixture
def database(tmp_path):
    return SqliteFile(tmp_path / "x.db")


@pytest.fixture
def db(database, capsys):
    """Runs `uacfast db …` on the database; (exit status, standard output, standard error)."""
    def run(*arguments):
        status = cli.main(["db", *arguments, database.url])
        out, err = capsys.readouterr()
        return status, out, err
    return run


@pytest.fixture
def file(tmp_path):
    def write(text, name="accounts.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)
    return write


def test_init_says_what_it_did_and_the_second_time_that_it_did_nothing(db, database):
    status, out, err = db("init")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{database.url} is created", "table version is created (version 1)", "table uacreg is created (version 5)",
        "table subscriber is created (version 7)", "table address is created (version 6)",
        "table uacfast_regstate is created (version 1)", f"{database.url} is ready"]
    assert db("init") == (0, f"{database.url} is ready: every table is there already\n", "")


def test_init_another_table_and_version(db, database):
    assert db("init", "--table", "trunks", "--table-version", "6")[0] == 0
    assert database.sql("SELECT table_version FROM version WHERE table_name = 'trunks'") == [["6"]]


def test_check(db, database):
    status, out, err = db("check")
    assert (status, out) == (1, "")
    assert err == (f"{database.url} cannot be opened: No such file or directory; `uacfast db init {database.url}` "
                   "makes it\n")
    db("init")
    database.fill(3)
    status, out, err = db("check")
    assert (status, err) == (0, "")
    assert out.splitlines()[1:3] == ["uacreg: version 5, 3 rows", "subscriber: version 7, 0 rows"]
    database.sql("UPDATE version SET table_version = 4 WHERE table_name = 'uacreg';\nDROP TABLE address")
    status, out, err = db("check")
    assert status == 1 and "address: not there" in out
    assert "table uacreg has version 4 in table version, expected 5 or 6" in err and err.count("\n") == 1


@pytest.mark.parametrize("url", ["mysql://u:hunter2@127.0.0.1:1/d", "postgres://u:hunter2@127.0.0.1:1/d",
                                 "mysql://u:hunter2@h", "oracle://u:hunter2@h/d"])
def test_errors_are_one_sentence_without_the_password(url, capsys):
    for command in ("init", "check"):
        assert cli.main(["db", command, url]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and "hunter2" not in err and "Traceback" not in err


def test_import_and_again_with_other_values(db, database, file):
    db("init")
    path = file("\ufeff" + HEADER + ROW.format(1) + "\n" + ROW.format(2))
    assert db("import", path) == (0, f"2 rows of {path} are in table uacreg of {database.url}\n", "")
    query = "SELECT l_uuid, auth_password, expires, flags FROM uacreg ORDER BY 1"
    assert database.sql(query) == [["u1", "p,1", "361", "0"], ["u2", "p,2", "362", "0"]]
    path = file("auth_password,l_uuid,expires\nnew,u2,\nß,u3,5\n")
    assert db("import", path)[0] == 0
    assert database.sql(query) == [["u1", "p,1", "361", "0"], ["u2", "new", "0", "0"], ["u3", "ß", "5", "0"]]


def test_import_of_many(db, database, file):
    db("init")
    assert db("import", file(HEADER + "".join(ROW.format(number) for number in range(1700))))[0] == 0
    assert database.sql("SELECT COUNT(*), SUM(expires) FROM uacreg") == \
        [["1700", str(sum(int(f"36{number}") for number in range(1700)))]]


def test_import_tells_every_error_and_writes_nothing(db, database, file):
    db("init")
    path = file("l_uuid,expires,realm\nu1,60,r\nu2,-1,r\nu3,1h,r\nu4,60\n,60,r\n"
                f"u5,60,{'r' * 65}\nu6,9999999999,\n")
    status, out, err = db("import", path)
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        f"{path}:3: expires: expected an integer from 0 to 2147483647",
        f"{path}:4: expires: expected an integer from 0 to 2147483647",
        f"{path}:5: has 2 values, expected 3", f"{path}:6: l_uuid: expected a value",
        f"{path}:7: realm: expected at most 64 characters, not 65",
        f"{path}:8: expires: expected an integer from 0 to 2147483647"]
    assert database.sql("SELECT COUNT(*) FROM uacreg") == [["0"]]


@pytest.mark.parametrize("text,phrase", [
    ("", "expected the names of columns"), ("realm\nx\n", "l_uuid among them"), ("l_uuid,l_uuid\n", "twice"),
    ("l_uuid,pasword\n", "unknown column 'pasword'"), ("l_uuid,l-uuid\n", "unknown column"),
    (b"l_uuid\n\xff\n", "is not UTF-8 text"), ('l_uuid\n"a\n', "is not CSV"), ("l_uuid\na\0b\n", "accounts.csv:2: "),
])
def test_files_that_cannot_be_imported(db, file, text, phrase):
    db("init")
    status, out, err = db("import", file(text))
    assert (status, out) == (1, "") and phrase in err and "Traceback" not in err


def test_import_needs_a_file_and_a_table(db, tmp_path, file):
    db("init")
    assert db("import", str(tmp_path / "none.csv"))[2].endswith("none.csv cannot be read: No such file or directory\n")
    assert "no table trunks" in db("import", file("l_uuid\na\n"), "--table", "trunks")[2]
    many = db("import", file("l_uuid,expires\n" + "a,x\n" * 30))[2].splitlines()
    assert len(many) == 21 and many[-1] == "there may be more"


def test_values_are_not_repeated_in_errors(db, file):
    db("init")
    assert "hunter2" not in db("import", file("l_uuid,auth_password,expires\na," + "hunter2" * 20 + ",hunter2\n"))[2]


@pytest.mark.parametrize("arguments", ["", "init", "drop x", "init --table-version 4 sqlite:///x", "import x"])
def test_wrong_command_lines(arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(["db", *arguments.split()])
    assert caught.value.code == 2

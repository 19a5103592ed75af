"""`backup` of a running copy, and what `restore` refuses; tests/faults loses a machine."""

import io
import os
import signal
import subprocess
import tarfile

import pytest
from fixtures import openbatch
from stack import ROOT, wait_for


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("backup")


@pytest.fixture(scope="module")
def backup(stack, base):
    """A backup of the copy: its file."""
    file = base / "at-rest.backup"
    done = openbatch(os.environ, "backup", file)
    assert done.returncode == 0, done.stdout + done.stderr
    return file


def doubled(file, **changes):
    """A copy of a backup with other lines in its manifest."""
    made = file.with_suffix(".changed")
    with tarfile.open(file) as old, tarfile.open(made, "w") as new:
        for member in old:
            data = old.extractfile(member).read()
            if member.name == "manifest":
                lines = dict(line.split("=", 1) for line in data.decode().splitlines())
                data = "".join(f"{k}={v}\n" for k, v in (lines | changes).items()).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return made


def refused(file, home):
    done = openbatch(os.environ | {"OPENBATCH_HOME": str(home)}, "restore", file)
    assert done.returncode == 1, done.stdout
    return done.stderr


# --- the file -------------------------------------------------------------------------------------


def test_a_backup_is_for_its_owner_only_and_says_what_it_is(backup):
    assert backup.stat().st_mode & 0o777 == 0o600
    with tarfile.open(backup) as archive:
        assert archive.getnames() == ["manifest", "home.tar", "database"]
        text = archive.extractfile("manifest").read().decode()
    said = dict(line.split("=", 1) for line in text.splitlines())
    migrations = len(list((ROOT / "services/api/sql").glob("0*.sql")))
    assert (said["format"], said["schema"]) == ("1", str(migrations)) and said["version"]


def test_a_backup_that_fails_leaves_nothing_and_spoils_no_older_one(base, backup):
    folder = base / "failing"
    folder.mkdir(exist_ok=True)
    (folder / "kept").write_bytes(backup.read_bytes())
    for name in ("new", "kept"):
        writing = subprocess.Popen(
            [ROOT / "openbatch", "backup", folder / name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(
            "it to write", lambda: list(folder.glob(".openbatch-backup.*/database")), 30, 0.002
        )
        os.killpg(writing.pid, signal.SIGTERM)
        assert writing.wait(30) != 0
    assert [path.name for path in folder.iterdir()] == ["kept"]
    assert (folder / "kept").read_bytes() == backup.read_bytes()


def test_restore_refuses_what_cannot_be_right(stack, base, backup):
    """A running copy, a home with files, a newer schema, a damaged file; each time in words, and
    nothing is left behind."""
    empty = base / "empty"
    assert "a copy runs in" in refused(backup, stack.home)
    (empty / "mine").mkdir(parents=True)
    assert "is not empty" in refused(backup, empty)
    (empty / "mine").rmdir()
    assert "has schema 99, and this version knows only" in refused(
        doubled(backup, schema="99"), empty
    )
    run = base / "run"
    assert "its schema is not a number" in refused(
        doubled(backup, schema=f"known[$(touch {run})]"), empty
    )
    assert not run.exists()
    assert "has format '2', and this version reads format 1" in refused(
        doubled(backup, format="2"), empty
    )
    whole, bad = backup.read_bytes(), base / "bad"
    bad.write_bytes(whole[: len(whole) * 2 // 3])
    assert "is damaged" in refused(bad, empty)
    middle = len(whole) * 2 // 3
    bad.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert "is damaged: the checksum of its part database is wrong" in refused(bad, empty)
    bad.write_bytes(b"something else")
    assert "is not a backup of OpenBatch" in refused(bad, empty)
    assert "cannot be read" in refused(base / "none", empty)
    assert {path.name for path in empty.iterdir()} <= {"lock", "log"}

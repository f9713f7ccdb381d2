"""One file from servers that stall, truncate and lie: it arrives whole or not at all, and the error
says why."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from threetargets.data import download
from threetargets.data.download import File, Patience
from threetargets.errors import CannotWrite, DataError, MissingInput

BODY = bytes(range(256)) * 1000
NAME = "set/file.gz"
QUICK = Patience(failures=3, connect=2, silence=0.3)


@pytest.fixture
def file(server):
    server.contents[NAME] = BODY
    address = f"{server.address}/{NAME}"
    return File(
        path=NAME, size=len(BODY), sha256=hashlib.sha256(BODY).hexdigest(), addresses=(address,)
    )


@pytest.fixture
def goal(tmp_path):
    return tmp_path / "cache" / NAME


def get(file, goal, *more):
    download.download(file, [*file.addresses, *more], goal, QUICK)


def left(goal):
    """What lies in the cache but for the lock."""
    return (
        sorted(p.name for p in goal.parent.iterdir() if p.suffix != ".lock")
        if goal.parent.exists()
        else []
    )


def test_arrives_whole(file, goal, server, capsys):
    get(file, goal)
    assert goal.read_bytes() == BODY and left(goal) == ["file.gz"]
    assert "256 kB from http://127.0.0.1" in capsys.readouterr().err
    get(file, goal)
    assert len(server.asked) == 1  # it is there already


@pytest.mark.parametrize("step", [("cut", 100_000), ("ends", 100_000)])
def test_truncated_is_resumed(file, goal, server, step):
    server.script[NAME] = [step, "ok"]
    get(file, goal)
    assert goal.read_bytes() == BODY
    assert server.ranges() == [None, "bytes=100000-"]


def test_stalled_is_resumed(file, goal, server, apart):
    server.script[NAME] = [("stalls", 70_000), ("stalls", 1000), "ok"]
    get(file, goal)
    assert goal.read_bytes() == BODY
    assert server.ranges() == [None, "bytes=70000-", "bytes=71000-"]
    assert apart == [1.0, 1.0]  # each attempt brought something, so the waits do not grow


def test_later_call_goes_on(file, goal, server):
    server.script[NAME] = [("cut", 100_000), 503]
    with pytest.raises(MissingInput, match=r"HTTP 503.*the part that came is kept"):
        get(file, goal)
    assert left(goal) == ["file.gz.part"]
    server.script[NAME] = ["ok"]
    get(file, goal)
    assert (
        goal.read_bytes() == BODY
        and server.ranges()[-1] == "bytes=100000-"
        and left(goal) == ["file.gz"]
    )


def test_without_range_it_starts_over(file, goal, server):
    server.script[NAME] = [("cut", 100_000), "no-range"]
    get(file, goal)
    assert goal.read_bytes() == BODY and len(server.asked) == 2


def test_wrong_range_is_not_appended(file, goal, server):
    server.script[NAME] = [("cut", 100_000), ("from", 5), "ok"]
    get(file, goal)
    assert goal.read_bytes() == BODY


def test_server_errors_are_tried_again_with_longer_waits(file, goal, server, apart):
    server.script[NAME] = [500, 429, "ok"]
    get(file, goal)
    assert goal.read_bytes() == BODY and apart == [1.0, 2.0]


def test_gives_up_naming_every_address(file, goal, server, gone, apart):
    server.script[NAME] = [500]
    with pytest.raises(MissingInput) as error:
        get(file, goal, f"{gone}/other")
    assert "HTTP 500" in str(error.value) and f"{gone}/other: Connection refused" in str(
        error.value
    )
    assert "THREETARGETS_MIRROR" in str(error.value) and "\n" not in str(error.value)
    assert apart == [1.0, 2.0] and not goal.exists()


def test_missing_file_goes_to_the_next_address_at_once(file, goal, server, apart):
    server.contents["elsewhere"] = BODY
    first = f"{server.address}/nothing-here"
    download.download(file, [first, f"{server.address}/elsewhere"], goal, QUICK)
    assert goal.read_bytes() == BODY and apart == []
    with pytest.raises(MissingInput, match="HTTP 404"):
        download.download(file, [first], goal.with_name("other"), QUICK)
    assert apart == [] and [path for _, path, _ in server.asked].count("nothing-here") == 2


def test_part_is_completed_by_another_address(file, goal, server):
    server.contents["second"] = BODY
    server.script[NAME] = [("cut", 100_000), 500]
    download.download(file, [file.addresses[0], f"{server.address}/second"], goal, QUICK)
    assert goal.read_bytes() == BODY and server.ranges() == [None, "bytes=100000-"]


@pytest.mark.parametrize(
    ("step", "content", "said"),
    [
        ("html", BODY, r"a web page \(HTML\); a login page"),
        ("page", BODY, "a file of 54 bytes, expected 256000"),
        ("ok", BODY[:-1] + b"x", "a file with SHA-256"),
        ("ok", b"<html>" + BODY[6:], r"a web page \(HTML\)"),
        ("ok", BODY + b"x", "a file of 256001 bytes, expected 256000"),
        (("ends", None), BODY + b"x", "more than the 256000 bytes"),
        ("ok", BODY[:-1], "a file of 255999 bytes, expected 256000"),
    ],
)
def test_something_else_is_refused_at_once(file, goal, server, apart, step, content, said):
    server.contents[NAME], server.script[NAME] = content, [step]
    with pytest.raises(DataError, match=said) as error:
        get(file, goal, f"{server.address}/never-asked")
    assert "expected SHA-256" in str(error.value) and error.value.exit_code == 3
    assert len(server.asked) == 1 and apart == []
    assert not goal.exists() and all(p.stat().st_size == 0 for p in goal.parent.glob("*.part"))


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * len(BODY), b"x" * (len(BODY) + 1)])
def test_spoilt_part_is_thrown_away(file, goal, server, part):
    goal.parent.mkdir(parents=True)
    goal.with_name("file.gz.part").write_bytes(part)
    get(file, goal)
    assert goal.read_bytes() == BODY and left(goal) == ["file.gz"] and server.ranges()[-1] is None


def test_shorter_file_than_the_part(file, goal, server):
    server.script[NAME] = [("cut", 100_000), 416]
    with pytest.raises(DataError, match="a shorter file"):
        get(file, goal)


def test_two_processes_fetch_it_once(file, goal, server):
    server.script[NAME] = [("stalls", 1000), "ok"]
    both = [threading.Thread(target=get, args=(file, goal)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert goal.read_bytes() == BODY and server.ranges() == [None, "bytes=1000-"]


def test_full_disk(file, goal, monkeypatch):
    def full(self, *arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CannotWrite, match=r"No space left on device.*THREETARGETS_CACHE"):
        get(file, goal)
    assert left(goal) == []


def test_unwritable_cache(file, goal, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(CannotWrite, match="cache/set: cannot be written"):
        get(file, goal)


MOUNTED = """
import sys
from pathlib import Path
from threetargets.data.download import File, download
from threetargets.errors import UserError
path, size, sha256, address = sys.argv[1:]
try:
    download(File(path=path, size=int(size), sha256=sha256), [address], Path(path))
except UserError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(
    ("options", "said"),
    [("size=128k", "No space left on device"), ("size=1m,ro", "Read-only file system")],
)
def test_real_file_systems(file, tmp_path, options, said):
    """A tmpfs that is too small, and one that is read-only, in a mount namespace of their own."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    mount = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'mount -t tmpfs -o {options} tmpfs {folder} && exec "$@"',
        "sh",
    ]
    try:
        subprocess.run([*mount, "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no permission to mount a tmpfs")
    inside = [
        sys.executable,
        "-c",
        MOUNTED,
        str(folder / "set/x"),
        str(file.size),
        file.sha256,
        file.addresses[0],
    ]
    listed = [
        *mount,
        "sh",
        "-c",
        f'"$@"; code=$?; find {folder} -type f -size +0; exit $code',
        "sh",
        *inside,
    ]
    done = subprocess.run(listed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 5, done.stderr
    (line,) = done.stdout.splitlines()  # and no file is left but empty ones
    assert said in line and "THREETARGETS_CACHE" in line

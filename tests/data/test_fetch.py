"""Cache, mirrors and public addresses of tiny data sets in two forms, one of them without public
address."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from threetargets import study as studies
from threetargets.data import fetch, formats, sources
from threetargets.data.download import File, Patience
from threetargets.errors import CannotWrite, DataError, MissingInput
from threetargets.stages import prepare

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "config/smoke.yaml").read_text())
QUICK = Patience(failures=2, connect=2, silence=0.3)
PLAIN = {"toy/a.bin": b"a" * 5000, "toy/b.bin": b"b" * 3000}


def archive(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


PACKED = archive(PLAIN)


def a_file(path, body, *addresses):
    return File(
        path=path, size=len(body), sha256=hashlib.sha256(body).hexdigest(), addresses=addresses
    )


@pytest.fixture
def layouts(server):
    """The archive at two public addresses, the files in mirrors only."""
    server.contents["one/toy.tar.gz"] = server.contents["two/toy.tar.gz"] = PACKED
    both = [f"{server.address}/{home}/toy.tar.gz" for home in ("one", "two")]
    return (
        (a_file("toy/toy.tar.gz", PACKED, *both),),
        tuple(a_file(name, body) for name, body in PLAIN.items()),
    )


def obtain(layouts, mirror=None):
    return [path for _, path in fetch.obtain("toy", layouts, mirror, QUICK)]


def fill(folder, contents):
    for name, body in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return str(folder)


def test_public_address_fills_the_cache_once(layouts, server, tmp_path):
    assert obtain(layouts) == [tmp_path / "cache/toy/toy.tar.gz"]
    assert obtain(layouts)[0].read_bytes() == PACKED
    assert [path for _, path, _ in server.asked] == ["one/toy.tar.gz"]


def test_second_address_where_the_first_fails(layouts, server):
    server.script["one/toy.tar.gz"] = [404]
    assert obtain(layouts)[0].read_bytes() == PACKED


def test_damaged_cache_is_noticed_and_mended(layouts, server, capsys):
    path = obtain(layouts)[0]
    path.write_bytes(b"x" + PACKED[1:])
    assert obtain(layouts)[0].read_bytes() == PACKED
    assert "damaged" in capsys.readouterr().err and len(server.asked) == 2


def test_a_copy_of_the_cache_is_a_mirror(layouts, server, tmp_path, monkeypatch):
    obtain(layouts)
    (tmp_path / "cache").rename(tmp_path / "copy")
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "empty"))
    server.contents.clear()
    assert obtain(layouts, str(tmp_path / "copy")) == [tmp_path / "copy/toy/toy.tar.gz"]
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("contents", [{"toy/toy.tar.gz": PACKED}, PLAIN])
def test_folder_with_either_form(layouts, server, tmp_path, contents):
    folder = fill(tmp_path / "mirror", contents)
    assert [path.read_bytes() for path in obtain(layouts, folder)] == list(contents.values())
    assert server.asked == []


@pytest.mark.parametrize("contents", [{"toy/toy.tar.gz": PACKED}, PLAIN])
def test_web_mirror_with_either_form(layouts, server, contents):
    server.contents = {f"mirror/{name}": body for name, body in contents.items()}
    paths = obtain(layouts, f"{server.address}/mirror/")
    assert [path.read_bytes() for path in paths] == list(contents.values())
    assert all(path.startswith("mirror/") for _, path, _ in server.asked)


def test_mirror_of_the_environment(layouts, server, tmp_path, monkeypatch):
    monkeypatch.setenv("THREETARGETS_MIRROR", fill(tmp_path / "environment", PLAIN))
    assert obtain(layouts)[0] == tmp_path / "environment/toy/a.bin"
    named = fill(tmp_path / "named", PLAIN)
    assert obtain(layouts, named)[0] == tmp_path / "named/toy/a.bin"


def test_incomplete_folder_names_what_it_lacks(layouts, server, tmp_path):
    folder = fill(tmp_path / "mirror", {"toy/a.bin": PLAIN["toy/a.bin"]})
    with pytest.raises(
        MissingInput,
        match=r"mirror of data set toy lacks toy/toy.tar.gz or toy/b.bin; copy it there",
    ):
        obtain(layouts, folder)
    assert server.asked == []  # a mirror takes the place of the public addresses


def test_truncated_file_in_a_folder(layouts, tmp_path):
    folder = fill(tmp_path / "mirror", {"toy/toy.tar.gz": PACKED[:-1]})
    with pytest.raises(DataError, match=r"toy\.tar\.gz: has SHA-256 .*copy it again"):
        obtain(layouts, folder)


def test_unreadable_file_in_a_folder(layouts, tmp_path):
    (tmp_path / "mirror/toy/toy.tar.gz").mkdir(parents=True)
    with pytest.raises(DataError, match="cannot be read"):
        obtain(layouts, str(tmp_path / "mirror"))


def test_mirror_that_lies(layouts, server):
    server.contents["mirror/toy/toy.tar.gz"] = PACKED
    server.script["mirror/toy/toy.tar.gz"] = ["html"]
    with pytest.raises(DataError, match="a web page"):
        obtain(layouts, f"{server.address}/mirror")


def test_nowhere_public(layouts):
    with pytest.raises(MissingInput, match="has no public address; name a mirror"):
        obtain(layouts[1:])


def test_archive_is_read_by_exact_name_and_writes_nothing(tmp_path, monkeypatch):
    """Names that lead out of the folder, absolute names, links and doubles: none of them is
    touched."""
    monkeypatch.chdir(tmp_path)
    body = archive(
        {
            "../escaped": b"evil",
            str(tmp_path / "absolute"): b"evil",
            "toy/../../escaped": b"evil",
            "toy/a.bin": b"good",
            "toy/link.bin": "/etc/hostname",
        }
    )
    path = tmp_path / "evil.tar.gz"
    path.write_bytes(body)
    assert formats.members(path, ["toy/a.bin"]) == [b"good"]
    with pytest.raises(DataError, match=r"has no file toy/link\.bin, toy/b\.bin"):
        formats.members(path, ["toy/a.bin", "toy/link.bin", "toy/b.bin"])
    assert [p.name for p in tmp_path.rglob("*")] == ["evil.tar.gz"] and not (
        tmp_path.parent / "escaped"
    ).exists()


@pytest.mark.parametrize("body", [b"", b"no archive", PACKED[:-20], PACKED[: len(PACKED) // 2]])
def test_damaged_archive(tmp_path, body):
    path = tmp_path / "toy.tar.gz"
    path.write_bytes(body)
    with pytest.raises(DataError, match=r"not a whole \.tar\.gz archive"):
        formats.members(path, list(PLAIN))


# The stage, on a tiny CIFAR of this test's own making.


def records(count, first):
    generator = np.random.default_rng(first)
    rows = generator.integers(0, 256, (count, 3073), dtype=np.uint8)
    rows[:, 0] = np.arange(count) % 10
    return rows


@pytest.fixture
def tiny(server, tmp_path, monkeypatch):
    """A CIFAR-10 of 500 + 100 images, in both forms, and a study on it."""
    monkeypatch.chdir(tmp_path)
    batches = [records(100, k) for k in range(6)]
    names = [f"cifar10/{name}" for name in sources.listing.CIFAR_MEMBERS]
    bodies = {name: rows.tobytes() for name, rows in zip(names, batches, strict=True)}
    packed = archive({name.removeprefix("cifar10/"): body for name, body in bodies.items()})
    server.contents["home/cifar-10-binary.tar.gz"] = packed
    address = f"{server.address}/home/cifar-10-binary.tar.gz"
    everything = np.concatenate(batches)
    images, labels = everything[:, 1:].reshape(-1, 3, 32, 32), everything[:, 0].astype(np.int64)
    source = replace(
        sources.find("cifar10"),
        pools=((500, sources.OFFICIAL), (100, ("test",))),
        digest=sources.arrays_digest(images, labels),
        layouts=(
            (a_file("cifar10/cifar-10-binary.tar.gz", packed, address),),
            tuple(a_file(name, body) for name, body in bodies.items()),
        ),
    )
    monkeypatch.setitem(sources.SOURCES, "cifar10", source)
    values = {
        **PARAMS,
        "data": {"name": "cifar10", "split": {"train": 300, "validation": 100, "test": 80}},
    }
    values["sampling"] = {**PARAMS["sampling"], "images": 50}
    values["evaluation"] = {**PARAMS["evaluation"], "kid_subset_size": 20}
    return studies.parse(values, "test"), bodies


def written():
    folder = Path("results/smoke/data")
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_archive_and_six_files_make_the_same_splits(tiny, tmp_path, monkeypatch):
    study, bodies = tiny
    prepare.run(study)
    once = written()
    prepare.run(study)
    assert written() == once
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("THREETARGETS_MIRROR", fill(tmp_path / "mirror", bodies))
    prepare.run(study)
    six = written()
    assert {k: v for k, v in six.items() if k.endswith(".npz")} == {
        k: v for k, v in once.items() if k.endswith("npz")
    }
    one, two = (json.loads(files["manifest.json"]) for files in (once, six))
    assert one["digest"] == two["digest"]
    assert len(one["source"]["files"]) == 1 and len(two["source"]["files"]) == 6
    assert str(tmp_path) not in json.dumps(
        two
    )  # where this machine had it from is no part of the study


def test_wrong_download_leaves_nothing_and_the_next_run_is_clean(tiny, server):
    study, _ = tiny
    body = server.contents["home/cifar-10-binary.tar.gz"]
    server.contents["home/cifar-10-binary.tar.gz"] = body[:-1] + b"x"
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz: .* sent a file with SHA-256"):
        prepare.run(study)
    assert written() == {}
    server.contents["home/cifar-10-binary.tar.gz"] = body
    prepare.run(study)
    assert set(written()) == {"train.npz", "validation.npz", "test.npz", "manifest.json"}


def test_unwritable_cache_is_said_in_one_line(tiny, tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "blocked"))
    with pytest.raises(
        CannotWrite, match=r"blocked/cifar10: cannot be written .*THREETARGETS_CACHE"
    ):
        prepare.run(tiny[0])
    assert written() == {}

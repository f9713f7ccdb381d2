"""Data and tracking store: here, somewhere, or nowhere."""

import http.server
import json
import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from doctor.conftest import a_study

from threetargets import doctor
from threetargets.cli import main
from threetargets.data import download, pretrained, sources
from threetargets.data.download import File
from threetargets.doctor import places
from threetargets.stages import prepare

DIGITS = sources.find("digits")
BODY = b"0123456789" * 100


@pytest.fixture
def web(tmp_path):
    """A server of tmp_path/web, and a file of it."""
    (tmp_path / "web/mnist").mkdir(parents=True)
    (tmp_path / "web/mnist/x").write_bytes(BODY)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path / "web"))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def source(tmp_path, web):
    (tmp_path / "here").write_bytes(BODY)
    sha = download.digest(tmp_path / "here")
    file = File(
        path="mnist/x", size=len(BODY), sha256=sha, addresses=(f"{web}/nothing", f"{web}/mnist/x")
    )
    return replace(sources.find("mnist"), layouts=((file,),))


def test_public_address_is_asked_and_nothing_is_fetched(mnist, source, tmp_path):
    found = places.data(mnist, source)
    assert found.state == "ok" and "can be downloaded" in found.observed
    assert not (tmp_path / "cache").exists()


def test_address_serves_something_else(mnist, source, tmp_path):
    (tmp_path / "web/mnist/x").write_bytes(BODY + b"x")
    found = places.data(mnist, source)
    assert (
        found.state == "failed"
        and "HTTP 404" in found.observed
        and "THREETARGETS_MIRROR" in found.todo
    )


def test_dead_mirror(mnist, source, web, monkeypatch):
    monkeypatch.setenv("THREETARGETS_MIRROR", web)
    assert places.data(mnist, source).state == "ok"
    monkeypatch.setenv("THREETARGETS_MIRROR", "http://127.0.0.1:9")
    found = places.data(mnist, source)
    assert found.state == "failed" and "does not answer (ConnectionError)" in found.observed


def test_mirror_folder(mnist, source, tmp_path, monkeypatch):
    monkeypatch.setenv("THREETARGETS_MIRROR", str(tmp_path / "web"))
    assert places.data(mnist, source).state == "ok"
    (tmp_path / "web/mnist/x").write_bytes(b"damaged")
    found = places.data(mnist, source)
    assert found.state == "failed" and "SHA-256" in found.observed


def test_cached(mnist, source, tmp_path, web, monkeypatch):
    monkeypatch.setenv("THREETARGETS_MIRROR", "http://127.0.0.1:9")
    (tmp_path / "cache/mnist").mkdir(parents=True)
    (tmp_path / "cache/mnist/x").write_bytes(BODY)
    assert places.data(mnist, source).state == "ok"
    (tmp_path / "cache/mnist/x").write_bytes(BODY[::-1])
    assert places.data(mnist, source).state == "failed"


def test_prepared_or_shipped(mnist):
    study = a_study()
    assert "comes with scikit-learn" in places.data(study, DIGITS).observed
    prepare.run(study)
    assert places.data(study, DIGITS).observed == "digits is prepared"


def test_store_is_made_by_the_study(mnist):
    found = places.mlflow(mnist)
    assert (
        found.state == "ok" and "not there yet" in found.observed and not Path("mlflow.db").exists()
    )


def test_store_that_is_no_database(mnist):
    Path("mlflow.db").write_text(
        "not a database at all, but a text that is long enough to be read as one"
    )
    found = places.mlflow(mnist)
    assert found.state == "warning" and "is not an SQLite database" in found.observed


def test_dead_server_without_its_password(mnist, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    found = places.mlflow(mnist)
    assert (
        found.state == "warning"
        and "does not answer" in found.observed
        and "track sync" in found.todo
    )
    assert "secret" not in found.observed + found.todo


def test_store_that_answers(mnist, monkeypatch):
    class Place:
        experiment_id = "7"

    sqlite3.connect("mlflow.db").execute("create table t (x)")
    monkeypatch.setattr(places.tracking, "connect", lambda study: Place())
    found = places.mlflow(mnist)
    assert found.state == "ok" and "experiment smoke is number 7" in found.observed


def command(monkeypatch, capsys, *more):
    root = Path(__file__).parents[2]
    arguments = ["threetargets", "doctor", "--params", str(root / "config/smoke.yaml"), *more]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0, capsys.readouterr().out


def test_command(mnist, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/usr/local/nothing")
    code, out = command(monkeypatch, capsys)
    assert (
        code == 0 and out.splitlines()[-1].startswith("0 failed") and "the study can start" in out
    )
    code, out = command(monkeypatch, capsys, "--slurm", "--json")
    rows = {row["check"]: row for row in json.loads(out)}
    assert code == 4 and rows["slurm"]["state"] == "failed" and rows["slurm"]["todo"]
    assert {"packages", "gpu", "threads", "cost", "disk", "data", "tracking", "slurm"} <= set(rows)


def test_table_says_what_to_do():
    text = doctor.table(
        [doctor.Finding("a", "ok", "fine"), doctor.Finding("long", "failed", "broken", "mend it")]
    )
    assert text.splitlines() == [
        "ok       a     fine",
        "failed   long  broken",
        "               -> mend it",
        "1 failed, 0 warnings: the study cannot run so",
    ]


def test_inception_is_looked_for_where_the_study_measures_by_it(
    mnist, source, tmp_path, monkeypatch
):
    monkeypatch.setattr(pretrained, "LAYOUTS", source.layouts)
    assert places.weights(mnist) == []
    both = mnist.model_copy(
        update={
            "evaluation": mnist.evaluation.model_copy(update={"extractors": ["judge", "inception"]})
        }
    )
    (found,) = places.weights(both)
    assert (
        found.state == "ok"
        and "can be downloaded" in found.observed
        and not (tmp_path / "cache").exists()
    )
    monkeypatch.setenv(pretrained.VARIABLE, str(tmp_path / "here"))
    (found,) = places.weights(both)
    assert found.state == "ok" and "SHA-256 as expected" in found.observed
    (tmp_path / "here").write_bytes(b"another")
    (found,) = places.weights(both)
    assert found.state == "failed" and "has SHA-256" in found.observed and found.todo
    monkeypatch.delenv(pretrained.VARIABLE)
    (tmp_path / "web/mnist/x").unlink()
    (found,) = places.weights(both)
    assert (
        found.state == "failed"
        and "cannot be downloaded" in found.observed
        and pretrained.VARIABLE in found.todo
    )

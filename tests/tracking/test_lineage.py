"""Which model, of which weights, on which data; and what a sync makes of runs that were deleted."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND
from tracking.conftest import Query
from tracking.synthetic import START, small_study, write_record, write_study, write_train

from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Figure
from threetargets.tracking import store, sync

VAE, DDPM = Run("vae", 0), Run("ddpm_eps_eps-equivalent", 0)
DATA = {"dataset_name": "digits", "dataset_digest": "feed"}
RUNS = 18  # 5 models, two of them classifiers and one the floor, with 13 stages
ROWS = ("runs", "metrics", "params", "logged_models", "logged_model_metrics", "inputs", "datasets")
COUNTS = f"select {', '.join(f'(select count(*) from {table})' for table in ROWS)}"
ACTIVE = "select run_uuid from runs where lifecycle_stage = 'active'"


@pytest.fixture(scope="module")
def synced(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose ddpm has the lower bound, in MLflow once."""
    folder = tmp_path_factory.mktemp("synced")
    shutil.copyfile(empty_store, folder / "mlflow.db")
    study = small_study()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        write_study(study)
        path = paths.run_dir(study, DDPM) / "likelihood.json"
        write_record(study, path, "likelihood", DDPM, [Figure("bound_bpd", 1.75, 0.01, 200)])
        for run in jobs.trained_runs(study):
            paths.trained(study, run)[0].write_bytes(f"weights of {run.cell}".encode())
        assert sync(study)["state"] == "complete"
    return folder


@pytest.fixture
def again(query: Query, project: Path, synced: Path) -> Query:
    """That study and its store in the working directory."""
    shutil.copytree(synced, project, dirs_exist_ok=True)
    return query


@pytest.fixture
def client(again: Query) -> MlflowClient:
    return store.connect(small_study()).client


def search(client: MlflowClient, **data: str) -> list:
    (experiment,) = client.search_experiments(filter_string="name = 'smoke'")
    return client.search_logged_models(
        [experiment.experiment_id],
        "tags.current = 'true' AND metrics.bound_bpd < 100",
        datasets=[data or DATA],
        order_by=[{"field_name": "metrics.bound_bpd", **(data or DATA)}],
    )


def ids(run: Run) -> dict[str, str]:
    state = json.loads((paths.tracking(small_study())).read_text())
    return state["runs"][f"{run.cell}/seed{run.seed}"]


def test_the_lowest_bound_on_some_data_is_one_search(client: MlflowClient) -> None:
    best, second = search(client)
    assert [best.name, second.name] == ["ddpm_eps_eps-equivalent-seed0", "vae-seed0"]
    assert {m.key: m.value for m in best.metrics}["bound_bpd"] == 1.75
    assert search(client, dataset_name="digits", dataset_digest="beef") == []
    weights = best.tags["weights"]
    printed = subprocess.run(["sha256sum", weights], capture_output=True, text=True, check=True)
    assert best.tags["weights_sha256"] == printed.stdout.split()[0]
    assert (best.tags["target"], best.model_type, str(best.status)) == ("eps", "ddpm", "READY")
    (experiment,) = client.search_experiments(filter_string="name = 'smoke'")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"  # not of agents
    assert best.params["diffusion.schedule.name"] == "cosine"


def test_runs_say_which_model_they_made_or_took_and_on_what_data(
    client: MlflowClient, again: Query
) -> None:
    best, _ = search(client)
    assert best.source_run_id == ids(DDPM)["parent"]
    for name in ("parent", "train"):
        made = client.get_run(ids(DDPM)[name])
        assert [output.model_id for output in made.outputs.model_outputs] == [best.model_id]
    for stage, context in (("likelihood", "testing"), ("evaluate", "testing")):
        taken = client.get_run(ids(DDPM)[stage])
        assert [i.model_id for i in taken.inputs.model_inputs] == [best.model_id]
        (data,) = taken.inputs.dataset_inputs
        assert (data.dataset.name, data.dataset.digest) == ("digits", "feed")
        assert [tag.value for tag in data.tags] == [context]
    assert again("select count(*) from datasets") == [(1,)]


def test_no_weights_and_no_pickle_are_copied(again: Query) -> None:
    ((place,),) = again("select artifact_location from experiments where name = 'smoke'")
    folder = Path(place.removeprefix("file://"))
    copied = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in copied} == {".json", ".jsonl", ".png"}


def test_another_sync_adds_nothing(again: Query) -> None:
    counted = again(COUNTS)
    assert sync(small_study())["state"] == "complete"
    assert again(COUNTS) == counted


def test_a_model_trained_again_takes_the_place_of_the_old_one(client: MlflowClient) -> None:
    _, old = search(client)
    study = small_study()
    write_train(study, VAE, begun=START + 1000)
    paths.trained(study, VAE)[0].write_bytes(b"other weights")
    sync(study)
    _, new = search(client)
    assert new.model_id != old.model_id
    assert new.tags["weights_sha256"] != old.tags["weights_sha256"]
    assert client.get_logged_model(old.model_id).tags["current"] == "false"


def test_a_model_deleted_in_the_page_is_made_anew_without_doubles(
    client: MlflowClient, again: Query
) -> None:
    counted, (best, _) = again("select count(*) from metrics"), search(client)
    client.delete_logged_model(best.model_id)
    sync(small_study())
    new, _ = search(client)
    assert (new.name, new.tags) == (best.name, best.tags)
    assert {m.key: m.value for m in new.metrics} == {m.key: m.value for m in best.metrics}
    assert again("select count(*) from metrics") == counted


def trash(client: MlflowClient, gone: list[str]) -> None:
    for run_id in gone:
        client.delete_run(run_id)


def purge(client: MlflowClient, gone: list[str]) -> None:
    """As `mlflow gc` does."""
    trash(client, gone)
    for run_id in gone:
        client._tracking_client.store._hard_delete_run(run_id)


@pytest.mark.parametrize("delete", [trash, purge])
@pytest.mark.parametrize(
    "stages", [["parent"], ["parent", "likelihood"], ["train"]], ids=lambda names: "+".join(names)
)
def test_after_any_deletion_there_are_as_many_runs_as_the_study_has(
    client: MlflowClient,
    again: Query,
    delete: Callable[[MlflowClient, list[str]], None],
    stages: list[str],
) -> None:
    before = {run_id for (run_id,) in again(ACTIVE)}
    gone = [ids(run)[stage] for run in (VAE, DDPM) for stage in stages]
    delete(client, gone)
    state = sync(small_study())
    active = {run_id for (run_id,) in again(ACTIVE)}
    assert state["state"] == "complete" and len(active) == RUNS
    assert active == {run_id for family in state["runs"].values() for run_id in family.values()}
    assert active >= before - set(gone)  # what was not deleted is what it was
    assert (active == before) == (delete is trash)
    parents = again("select run_uuid, value from tags where key = 'mlflow.parentRunId'")
    assert {parent for run_id, parent in parents if run_id in active} <= active
    counted = again(COUNTS)
    sync(small_study())
    assert again(COUNTS) == counted


def test_orphans_that_an_older_version_left_go(client: MlflowClient, again: Query) -> None:
    """It made a family anew beside the stages of the deleted parent, and tagged those."""
    parent = ids(VAE)["parent"]
    (experiment,) = client.search_experiments(filter_string="name = 'smoke'")
    left = client.create_run(experiment.experiment_id, tags={"study.key": "smoke/vae/seed0"})
    tags = {"study.key": "smoke/vae/seed0/train", "study.superseded": "true"}
    tags["mlflow.parentRunId"] = left.info.run_id
    client.create_run(experiment.experiment_id, tags=tags)
    client.delete_run(left.info.run_id)
    sync(small_study())
    assert ids(VAE)["parent"] == parent
    assert len(again(ACTIVE)) == RUNS


def test_what_is_not_finite_is_failed_once_and_no_metric(
    client: MlflowClient, again: Query
) -> None:
    study = small_study()
    path = paths.run_dir(study, VAE) / "likelihood.json"
    figures = [Figure("bound_bpd", 9.5), Figure("nll_bpd", None, reason="it diverged")]
    write_record(study, path, "likelihood", VAE, figures)
    path.write_text(path.read_text().replace("9.5", "NaN"))
    state, counted = sync(study), again(COUNTS)
    for _ in range(2):
        assert sync(study) == state
        assert again(COUNTS) == counted
    for run_id in (state["runs"]["vae/seed0"][name] for name in ("parent", "likelihood")):
        held = client.get_run(run_id).data
        assert held.tags["failed/bound_bpd"] == "is nan"
        assert held.tags["failed/nll_bpd"] == "it diverged"
    assert "bound_bpd" not in client.get_run(state["runs"]["vae/seed0"]["likelihood"]).data.metrics
    write_record(study, path, "likelihood", VAE, [Figure("bound_bpd", 2.5)])
    sync(study)
    tags = client.get_run(ids(VAE)["parent"]).data.tags
    assert not [tag for tag in tags if tag.startswith("failed/")]


def test_a_server_without_models_gets_the_rest(
    again: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*arguments: object, **named: object) -> None:
        raise MlflowException("no such endpoint", error_code=ENDPOINT_NOT_FOUND)

    monkeypatch.setattr(MlflowClient, "search_logged_models", unknown)
    write_train(small_study(), VAE, begun=START + 1000)
    assert sync(small_study())["state"] == "complete"

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tracking.conftest import Query
from tracking.synthetic import START, small_study, write_record, write_study, write_train

from threetargets import files
from threetargets.pipeline import paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity
from threetargets.pipeline.records import Figure
from threetargets.tracking import figure_key, sync

VAE, DDPM = Run("vae", 0), Run("ddpm_eps_eps-equivalent", 0)
COUNTS = (
    "select (select count(*) from runs), (select count(*) from metrics), (select count(*) "
    "from params)"
)


def value(query: Query, run_id: str, key: str) -> float:
    """The value that MLflow shows: the one of the last step."""
    ((found,),) = query(
        f"select value from latest_metrics where run_uuid = '{run_id}' and key = '{key}'"
    )
    return found


def tags(query: Query, run_id: str) -> dict[str, str]:
    return dict(query(f"select key, value from tags where run_uuid = '{run_id}'"))


def test_one_run_a_model_with_its_stages_nested_under_it(query: Query) -> None:
    study = small_study()
    write_study(study)
    state = sync(study)
    assert state["state"] == "complete"
    assert json.loads(Path("results/smoke/tracking.json").read_text()) == state
    swept = {"sample/none", "sample/classifier", "sample/classifier-free"}
    assert {name: set(ids) for name, ids in state["runs"].items()} == {
        "vae/seed0": {"parent", "train", "sample/none", "likelihood", "evaluate"},
        "ddpm_eps_eps-equivalent/seed0": {"parent", "train", "likelihood", "evaluate"} | swept,
        "guide/seed0": {"parent", "train"},
        "judge/seed1000": {"parent", "train"},
        "data/seed0": {"parent", "evaluate"},
    }
    for ids in state["runs"].values():
        for stage, run_id in ids.items():
            assert tags(query, run_id).get("mlflow.parentRunId") == (
                None if stage == "parent" else ids["parent"]
            )
    assert query("select distinct status from runs") == [("FINISHED",)]
    assert query("select count(*) from experiments where name = 'smoke'") == [(1,)]


def test_figures_curves_parameters_and_tags_arrive(query: Query) -> None:
    study = small_study()
    write_study(study)
    ids = sync(study)["runs"]["ddpm_eps_eps-equivalent/seed0"]
    assert value(query, ids["likelihood"], "bound_bpd") == 2.25
    assert value(query, ids["likelihood"], "bound_bpd/stderr") == 0.02
    assert value(query, ids["evaluate"], "fid") == 11.0
    assert value(query, ids["evaluate"], "fid/classifier/gamma_3") == 13.0
    assert value(query, ids["parent"], "bound_bpd") == 2.25
    curve = query(
        f"select step, timestamp, value from metrics where run_uuid = '{ids['train']}' and key "
        "= 'loss'"
    )
    assert sorted(curve)[:2] == [
        (1, round((START + 1 / 7) * 1000), 1.0),
        (2, round((START + 2 / 7) * 1000), 0.5),
    ]
    # The figure of that name is what MLflow shows, though the journal's last loss has the same
    # step.
    assert value(query, ids["train"], "loss") == 0.125
    params = dict(query(f"select key, value from params where run_uuid = '{ids['parent']}'"))
    assert params["diffusion.schedule.name"] == "cosine"
    assert params["training.learning_rate"] == "0.001"
    found = tags(query, ids["sample/classifier"])
    wanted = {
        "target": "eps",
        "weighting": "eps-equivalent",
        "seed": "0",
        "guidance": "classifier",
        "status": "ok",
    }
    wanted |= {"stage": "sample", "commit": "0123abcd", "data_digest": "feed"}
    assert wanted.items() <= found.items()
    assert found["study.identity"] == identity(study, "sample", DDPM, "classifier")


def test_artifacts_hold_the_record_the_curves_and_a_grid_of_rows_gamma_and_columns_class(
    query: Query,
) -> None:
    from PIL import Image

    study = small_study()
    write_study(study)
    ids = sync(study)["runs"]["ddpm_eps_eps-equivalent/seed0"]

    def folder(stage: str) -> Path:
        ((uri,),) = query(f"select artifact_uri from runs where run_uuid = '{ids[stage]}'")
        return Path(uri.removeprefix("file://"))

    assert (folder("train") / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (folder("train") / "train.jsonl").read_bytes() == (
        paths.run_dir(study, DDPM) / "train.jsonl"
    ).read_bytes()
    assert (folder("likelihood") / "likelihood.json").exists()
    with Image.open(folder("sample/classifier") / "samples.png") as picture:
        # 3 gammas by 10 classes of 8x8 pixels with lines of one pixel between, four times enlarged.
        assert picture.size == (4 * (10 * 9 - 1), 4 * (3 * 9 - 1))
        assert picture.getpixel((0, 0)) == 255  # level 16 of 17 is white


def test_syncing_again_adds_nothing_and_is_quick(query: Query) -> None:
    study = small_study()
    write_study(study)
    first = sync(study)
    counted = query(COUNTS)
    begun = time.monotonic()
    assert sync(study) == first
    assert query(COUNTS) == counted
    assert time.monotonic() - begun < 5


def test_a_model_of_another_identity_is_a_new_run_and_the_old_one_is_tagged(query: Query) -> None:
    study = small_study()
    write_study(study)
    old = sync(study)["runs"]
    changed = study.model_dump(mode="json")["training"]
    changed["vae"]["steps"] = 61
    study = small_study(training=changed)
    write_study(study)
    new = sync(study)["runs"]
    assert not set(old["vae/seed0"].values()) & set(new["vae/seed0"].values())
    assert old["ddpm_eps_eps-equivalent/seed0"] == new["ddpm_eps_eps-equivalent/seed0"]
    for run_id in old["vae/seed0"].values():
        assert tags(query, run_id)["study.superseded"] == "true"
    assert "study.superseded" not in tags(query, new["vae/seed0"]["parent"])


def test_a_stage_run_again_replaces_only_itself(query: Query) -> None:
    study = small_study()
    write_study(study)
    old = sync(study)["runs"]["vae/seed0"]
    path = paths.run_dir(study, VAE) / "likelihood.json"
    write_record(study, path, "likelihood", VAE, [Figure("bound_bpd", 1.75)])
    new = sync(study)["runs"]["vae/seed0"]
    assert {stage for stage in old if old[stage] != new[stage]} == {"likelihood"}
    assert value(query, new["likelihood"], "bound_bpd") == 1.75
    assert value(query, new["parent"], "bound_bpd") == 1.75


def test_the_same_training_done_again_does_not_mix_two_curves(query: Query) -> None:
    study = small_study()
    write_study(study)
    sync(study)
    write_train(study, VAE, begun=START + 1000)
    new = sync(study)["runs"]["vae/seed0"]["train"]
    assert query(f"select count(*) from metrics where run_uuid = '{new}' and key = 'loss'") == [
        (31,)
    ]


def test_a_failed_cell_is_a_failed_run(query: Query) -> None:
    study = small_study()
    write_study(study)
    folder = paths.run_dir(study, VAE)
    (folder / "train.jsonl").write_text("")
    write_record(
        study,
        folder / "train.json",
        "train",
        VAE,
        [],
        status="failed",
        reason="loss is nan at step 7",
    )
    ids = sync(study)["runs"]["vae/seed0"]
    for run_id in (ids["parent"], ids["train"]):
        assert query(f"select status from runs where run_uuid = '{run_id}'") == [("FAILED",)]
        assert tags(query, run_id)["status"] == "failed"
    assert tags(query, ids["train"])["reason"] == "loss is nan at step 7"


def test_what_is_not_written_yet_is_counted_and_filled_in_later(query: Query) -> None:
    study = small_study()
    write_study(study)
    path = paths.run_dir(study, VAE) / "evaluate.json"
    text = path.read_text()
    path.unlink()
    state = sync(study)
    assert (state["state"], state["reason"]) == ("incomplete", "1 records are not written yet")
    assert "evaluate" not in state["runs"]["vae/seed0"]
    path.write_text(text)
    assert sync(study)["runs"]["vae/seed0"].items() > state["runs"]["vae/seed0"].items()


def test_an_interrupted_sync_goes_on_without_doubles(
    query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    study = small_study()
    write_study(study)
    send, calls = MlflowClient.log_batch, []

    def fail_at_the_twelfth(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) == 12:
            raise ConnectionError("the store went away")
        return send(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", fail_at_the_twelfth)
        state = sync(study)
    assert (state["state"], state["reason"]) == (
        "incomplete",
        "ConnectionError: the store went away",
    )
    assert sync(study)["state"] == "complete"
    assert query("select key, value from tags where key = 'study.superseded'") == []
    assert query("select count(*) from runs") == [(18,)]
    # 30 points of the journal and the final figure, for each of the four trained models.
    assert query(
        "select count(*) from metrics where key = 'loss' group by run_uuid order by 1 desc"
    ) == [(points,) for points in [31] * 4 + [1] * 4]


def test_a_damaged_record_is_named_in_the_reason(query: Query) -> None:
    study = small_study()
    write_study(study)
    (paths.run_dir(study, VAE) / "likelihood.json").write_text("{")
    assert "likelihood.json: damaged" in sync(study)["reason"]


@pytest.mark.parametrize(
    ("figure", "key"),
    [
        (Figure("bound_bpd", 1.0), "bound_bpd"),
        (Figure("fid", 1.0, guidance="none", gamma="1"), "fid"),
        (Figure("sample_seconds", 1.0, gamma="1.5"), "sample_seconds/gamma_1.5"),
        (Figure("fid", 1.0, guidance="classifier", gamma="1"), "fid/classifier/gamma_1"),
        (Figure("fid", 1.0, guidance="classifier-free", gamma="1"), "fid/classifier-free/gamma_1"),
    ],
)
def test_figure_keys_differ_and_mlflow_takes_them(figure: Figure, key: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    assert figure_key(figure) == key
    _validate_metric_name(key)


def test_two_figures_of_one_name_are_refused_not_mixed(query: Query) -> None:
    study = small_study()
    write_study(study)
    path = paths.run_dir(study, VAE) / "likelihood.json"
    write_record(
        study, path, "likelihood", VAE, [Figure("bound_bpd", 1.0), Figure("bound_bpd", 2.0)]
    )
    state = sync(study)
    assert state["state"] == "incomplete"
    assert "bound_bpd" in state["reason"]
    assert files.read_json(Path("results/smoke/tracking.json"))["state"] == "incomplete"

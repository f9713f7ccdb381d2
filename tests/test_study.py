"""Parameter files: every mistake is one line that names the key, and nothing is written."""

import copy
import math
from pathlib import Path

import pytest

from threetargets import study
from threetargets.errors import ConfigError, MissingInput
from threetargets.pipeline import cells, jobs, paths
from threetargets.pipeline.identity import identity
from threetargets.study.yaml import read_mapping

ROOT = Path(__file__).parents[1]
DEFAULT = study.load(ROOT / "params.yaml").model_dump(mode="json")


def changed(**changes):
    values = copy.deepcopy(DEFAULT)
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = values
        for parent in parents:
            section = section[parent]
        section[last] = value
    return values


SHIPPED = [ROOT / "params.yaml", *sorted((ROOT / "config").glob("*.yaml"))]


@pytest.mark.parametrize(
    "path",
    [str(path.relative_to(ROOT)) for path in SHIPPED],
)
def test_shipped_files_are_valid(path):
    loaded = study.load(ROOT / path)
    assert study.parse(loaded.model_dump(mode="json"), path) == loaded


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        (
            {"diffusion__stepz": 10},
            "diffusion.stepz",
            "unknown key; expected one of bound_variance",
        ),
        ({"seed": [0]}, "seed", "unknown key"),
        ({"diffusion__steps": "many"}, "diffusion.steps", "'many'"),
        ({"diffusion__steps": 250.5}, "diffusion.steps", "250.5"),
        ({"training__ddpm__learning_rate": 0}, "training.ddpm.learning_rate", "greater than 0"),
        ({"training__ddpm__learning_rate": math.nan}, "training.ddpm.learning_rate", "nan"),
        ({"training__ddpm__learning_rate": "1.0e"}, "training.ddpm.learning_rate", "'1.0e'"),
        ({"training__ddpm__learning_rate": "fast"}, "training.ddpm.learning_rate", "found 'fast'"),
        ({"vae__samples": 5}, "vae", "write kl: monte-carlo"),
        (
            {"likelihood__ode__images": 501},
            "the file",
            "likelihood.ode.images is larger than the test split",
        ),
        (
            {"likelihood__gradients__images": 501},
            "the file",
            "likelihood.gradients.images is larger",
        ),
        (
            {"likelihood__fit_images": 1098},
            "the file",
            "likelihood.fit_images is larger than the train split",
        ),
        ({"training__ddpm__steps": True}, "training.ddpm.steps", "True"),
        ({"guidance__gammas": []}, "guidance.gammas", "at least 1"),
        ({"guidance__gammas": [0.0, -0.5]}, "guidance.gammas.1", "not negative"),
        ({"guidance__gammas": [math.nan]}, "guidance.gammas.0", "finite"),
        ({"guidance__gammas": [1.0, 1.0]}, "guidance.gammas", "repeated"),
        ({"guidance__kinds": ["magic"]}, "guidance.kinds.0", "one of classifier, classifier-free"),
        ({"guidance__kinds": ["interval"]}, "guidance", "interval is missing, and kinds names"),
        ({"guidance__weak_at": 0.1}, "guidance", "kinds does not name autoguidance"),
        (
            {
                "guidance__kinds": ["interval"],
                "guidance__interval": {"log_snr_min": 1.0, "log_snr_max": 1.0},
            },
            "guidance.interval",
            "smaller than log_snr_max",
        ),
        (
            {"guidance__kinds": ["autoguidance"], "guidance__weak_at": 0.9999},
            "the file",
            "guidance.weak_at is 0.9999, the last of",
        ),
        ({"seeds": []}, "seeds", "at least 1"),
        ({"seeds": [0, 0]}, "seeds", "repeated"),
        ({"cells": []}, "the file", "cells needs at least 1 entry"),
        (
            {"cells": ["ddpm_x1_native"]},
            "cells.0",
            "unknown target 'x1'; expected one of x0, eps, score",
        ),
        ({"cells": ["ddpm_x0_heavy"]}, "cells.0", "unknown weighting 'heavy'"),
        ({"cells": ["gan"]}, "cells.0", "unknown model 'gan'"),
        ({"guidance__cells": ["ddpm_v_native"]}, "the file", "not in cells"),
        (
            {"diffusion__schedule__name": "cosin"},
            "diffusion.schedule.name",
            "expected one of cosine, linear",
        ),
        (
            {"diffusion__schedule__log_snr_min": 9.5},
            "diffusion.schedule",
            "smaller than log_snr_max",
        ),
        (
            {"diffusion__schedule__log_snr_min": -math.inf},
            "diffusion.schedule.log_snr_min",
            "finite",
        ),
        (
            {"diffusion__time_sampling": {"native": "uniform"}},
            "the file",
            "diffusion.time_sampling lacks eps-equivalent, and cells names",
        ),
        ({"hvae__latents": [8]}, "the file", "two or more layers"),
        ({"sampling__images": 100000}, "the file", "larger than the train or test split"),
        ({"classifiers__judge_seed": 0}, "the file", "must be independent"),
        (
            {"likelihood__iwae_images": 501},
            "the file",
            "likelihood.iwae_images is larger than the test split",
        ),
        ({"likelihood__iwae_images": 1}, "likelihood.iwae_images", "greater than or equal to 2"),
        ({"cells": ["vae_"]}, "cells.0", "'' names a variant; expected lower case letters"),
        (
            {"likelihood__images": 501},
            "the file",
            "likelihood.images is larger than the test split",
        ),
        (
            {"likelihood__images": 90},
            "the file",
            "likelihood.ode.images is larger than likelihood.images",
        ),
        (
            {"cells": ["vae", "vae_z3"]},
            "the file",
            "cells names 'vae_z3', but vae.variants has no 'z3'",
        ),
        ({"vae__variants": {"Z 3": {}}}, "vae.variants.Z 3.[key]", "lower case letters"),
        (
            {"vae__variants": {"z3": {"latent": [3]}}},
            "vae",
            "variants.z3.latent: unknown key; "
            "expected one of activation, decoder, depth, kl, latents, samples, training, width",
        ),
        (
            {"vae__variants": {"z3": {"latents": [0]}}},
            "vae",
            "variants.z3.latents.0: input should be greater than 0",
        ),
        ({"vae__variants": {"k5": {"samples": 5}}}, "vae", "write kl: monte-carlo"),
        (
            {"vae__variants": {"z3": {"latents": [3, 2]}}},
            "the file",
            "vae.variants.z3.latents needs exactly one layer",
        ),
        (
            {"hvae__variants": {"z3": {"latents": [3]}}},
            "the file",
            "hvae.variants.z3.latents needs two or more layers",
        ),
        (
            {"vae__variants": {"z3": {"training": {"step": 3}}}},
            "the file",
            "vae.variants.z3.training.step: unknown key",
        ),
        (
            {"vae__variants": {"z3": {"training": 3}}},
            "the file",
            "vae.variants.z3.training: expected a mapping of keys",
        ),
        ({"vae__activation": "relu"}, "vae.activation", "expected one of silu, tanh"),
        (
            {"vae__decoder": "bernoulli"},
            "the file",
            "decoder of vae is bernoulli, which is for two grey levels; digits has 17",
        ),
        (
            {"evaluation__extractors": []},
            "the file",
            "evaluation.extractors is: nothing would be measured",
        ),
        (
            {"data__name": "mnist-binarised"},
            "the file",
            "extractors has judge, but mnist-binarised has no labels",
        ),
        (
            {"data__name": "mnist-binarised", "evaluation__extractors": ["inception"]},
            "the file",
            "no labels to guide to",
        ),
        ({"study": "../elsewhere"}, "study", "match pattern"),
        ({"data": None}, "the file", "data is missing, and cells names"),
    ],
)
def test_one_line_names_the_key(changes, key, said):
    with pytest.raises(ConfigError) as caught:
        study.parse(changed(**changes), "params.yaml")
    message = str(caught.value)
    assert message.startswith(f"params.yaml: {key}: ")
    assert said in message
    assert "\n" not in message


def test_a_missing_key_is_named():
    values = changed()
    del values["diffusion"]["variance"]
    with pytest.raises(ConfigError, match=r"diffusion\.variance: is missing"):
        study.parse(values, "params.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study: [", "not valid YAML"),
        ("study: a\nstudy: b\n", "line 2: found duplicate key"),
        ("- 1\n", "mapping"),
        ("", "mapping"),
    ],
)
def test_files_that_are_no_parameters(tmp_path, text, said):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        study.load(path)
    assert "\n" not in str(caught.value)


def test_a_yaml_tag_constructs_nothing(tmp_path):
    path = tmp_path / "evil.yaml"
    path.write_text("study: !!python/object/apply:os.system ['touch owned']\n")
    with pytest.raises(ConfigError, match="not valid YAML"):
        study.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingInput, match=r"nowhere\.yaml"):
        study.load(tmp_path / "nowhere.yaml")


def test_merge_keys_and_numbers_read_as_written():
    training = study.load(ROOT / "params.yaml").training
    assert (training.ddpm.steps, training.vae.steps) == (3000, 1500)  # its own number
    assert training.vae.learning_rate == training.ddpm.learning_rate == 0.001  # the merged one


RUN = cells.Run("ddpm_eps_native", 0)
NUMBERS = {
    "diffusion__steps": 100,
    "network__width": 128,
    "training__ddpm__steps": 7,
    "training__ddpm__batch": 7,
    "data__split__train": 1000,
    "precision": "bf16",
    "diffusion__time_sampling": {**DEFAULT["diffusion"]["time_sampling"], "native": "log-snr"},
}
NO_NUMBERS = {
    "title": "another",
    "training__ddpm__log_every": 7,
    "training__ddpm__checkpoint_every": 7,
    "training__vae__steps": 7,
    "tracking__live_after_seconds": 1.0,
    "seeds": [0, 5],
    "cells": ["ddpm_eps_native", *DEFAULT["guidance"]["cells"]],
    "device": "cpu",
    "sampling__steps": 7,
    "vae__width": 7,
    "diffusion__variance": "fixed-small",
    "diffusion__time_sampling": {**DEFAULT["diffusion"]["time_sampling"], "elbo": "uniform"},
    "classifiers__width": 32,
}


@pytest.mark.parametrize("path", NUMBERS)
def test_identity_changes_with_what_changes_numbers(path):
    ours, theirs = study.parse(DEFAULT, "a"), study.parse(changed(**{path: NUMBERS[path]}), "b")
    assert identity(ours, "train", RUN) != identity(theirs, "train", RUN)


@pytest.mark.parametrize("path", NO_NUMBERS)
def test_identity_keeps_with_what_changes_none(path):
    ours, theirs = study.parse(DEFAULT, "a"), study.parse(changed(**{path: NO_NUMBERS[path]}), "b")
    assert identity(ours, "train", RUN) == identity(theirs, "train", RUN)


def test_extractors_change_the_evaluation_alone_and_the_place_of_their_weights_nothing():
    ours = study.parse(DEFAULT, "a")
    both = study.parse(changed(evaluation__extractors=["judge", "inception"]), "b")
    placed = study.parse(changed(evaluation__inception="/a/place.pth"), "c")
    for stage in ("train", "sample", "likelihood"):
        assert identity(ours, stage, RUN) == identity(both, stage, RUN)
    for run in (RUN, cells.Run("data", 0)):
        assert identity(ours, "evaluate", run) != identity(both, "evaluate", run)
        assert identity(ours, "evaluate", run) == identity(placed, "evaluate", run)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("evaluation__extractors", [], "extractors"),
        ("evaluation__extractors", ["judge", "vgg"], "extractors"),
        ("evaluation__extractors", ["judge", "judge"], "repeated"),
        ("evaluation__fid_parts", [2], "two numbers of parts"),
        ("evaluation__fid_parts", [1, 0], "fid_parts"),
    ],
)
def test_evaluations_that_cannot_be(path, value, said):
    with pytest.raises(ConfigError, match=said):
        study.parse(changed(**{path: value}), "a")


def test_every_run_of_the_grid_has_its_own_identity_and_folder():
    chosen = study.load(ROOT / "params.yaml")
    runs = jobs.trained_runs(chosen)
    assert len({identity(chosen, "train", run) for run in runs}) == len(runs)
    assert len({paths.run_dir(chosen, run) for run in runs}) == len(runs)


def test_gamma_has_one_spelling():
    assert [cells.gamma_label(g) for g in (0, 1.0, 1.5, 0.25, 10)] == [
        "0",
        "1",
        "1.5",
        "0.25",
        "10",
    ]


def test_one_dialect_for_both_engines(tmp_path):
    """DVC reads params.yaml by itself, for its templates: what it sees is what we see."""
    from dvc.utils.serialize import load_yaml

    text = "a: 1e-3\nb: 010\nc: yes\nbase: &b {x: 1, y: 2}\nmerged: {<<: *b, y: 3}\nn: null\n"
    path = tmp_path / "params.yaml"
    path.write_text(text)
    ours = read_mapping(path)
    assert ours == load_yaml(str(path))
    assert (ours["a"], ours["b"], ours["c"]) == (0.001, 10, "yes")
    assert ours["merged"] == {"x": 1, "y": 3}


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_shipped_files_mean_the_same_in_every_dialect(path):
    """Snakemake parses the file of --configfile, too, as YAML 1.1."""
    import yaml

    assert read_mapping(path) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"diffusion__schedule__log_snr_min": -200.0}, "log_snr_min is -200; expected a number"),
        ({"diffusion__schedule__log_snr_max": 60.0}, "log_snr_max is 60; expected a number"),
        ({"evaluation__neighbours": 500}, "evaluation.neighbours is 500; expected less than"),
        ({"evaluation__fid_parts": [1, 400]}, "evaluation.fid_parts has 400; expected parts"),
    ],
)
def test_what_would_give_a_wrong_number_is_refused(changes, said):
    """-200 gave a bound of 7.7e29 bits/dim, 500 neighbours of 100 images a precision of 0."""
    with pytest.raises(ConfigError) as caught:
        study.parse(changed(**changes), "params.yaml")
    assert said in str(caught.value)

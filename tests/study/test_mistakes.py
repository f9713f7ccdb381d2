"""Parameter files: every mistake is one line that names the key, and nothing is written."""

import math

import pytest
from study.changes import changed

from threetargets import study
from threetargets.errors import ConfigError, MissingInput


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
            "likelihood.ode.images is 501; expected at most data.split.test, 500",
        ),
        (
            {"likelihood__gradients__images": 501},
            "the file",
            "likelihood.gradients.images is 501; expected at most data.split.test",
        ),
        (
            {"likelihood__fit_images": 1098},
            "the file",
            "likelihood.fit_images is 1098; expected at most data.split.train, 1097",
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
        (
            {"sampling__images": 100000},
            "the file",
            "sampling.images is 100000; expected at most data.split.train, 1097",
        ),
        ({"classifiers__judge_seed": 0}, "the file", "must be independent"),
        (
            {"likelihood__iwae_images": 501},
            "the file",
            "likelihood.iwae_images is 501; expected at most data.split.test, 500",
        ),
        ({"likelihood__iwae_images": 1}, "likelihood.iwae_images", "greater than or equal to 2"),
        ({"cells": ["vae_"]}, "cells.0", "'' names a variant; expected lower case letters"),
        (
            {"likelihood__images": 501},
            "the file",
            "likelihood.images is 501; expected at most data.split.test, 500",
        ),
        (
            {"likelihood__images": 90},
            "the file",
            "likelihood.ode.images is 200; expected at most likelihood.images, 90",
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

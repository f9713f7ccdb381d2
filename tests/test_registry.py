"""Parameter files accept exactly what is registered, though the registries are not imported to
check them."""

import importlib

import pytest

from threetargets import families
from threetargets.study import names as registry

REGISTRIES = [
    ("data/sources.py", "SOURCES"),
    ("diffusion/schedule.py", "SCHEDULES"),
    ("diffusion/target.py", "TARGETS"),
    ("diffusion/weighting.py", "WEIGHTINGS"),
    ("diffusion/times.py", "PROPOSALS"),
    ("diffusion/sampler.py", "SAMPLERS"),
    ("likelihood/bound.py", "VARIANCES"),
    ("likelihood/decoders.py", "DECODERS"),
    ("networks/mlp.py", "ACTIVATIONS"),
]


@pytest.mark.parametrize(("module", "variable"), REGISTRIES)
def test_names_are_those_of_the_imported_registry(module, variable):
    name = "threetargets." + module.removesuffix(".py").replace("/", ".")
    assert registry.names(module, variable) == tuple(
        getattr(importlib.import_module(name), variable)
    )


@pytest.mark.parametrize("keyword", ["levels", "classes"])
def test_facts_are_those_of_the_imported_entries(keyword):
    from threetargets.data.sources import SOURCES

    found = registry.facts("data/sources.py", "SOURCES", keyword)
    assert found == {name: getattr(source, keyword) for name, source in SOURCES.items()}


def test_a_name_that_is_no_registry_is_an_error():
    with pytest.raises(LookupError, match="NOTHING"):
        registry.names("diffusion/target.py", "NOTHING")
    with pytest.raises(LookupError, match="with a plain int as digest"):
        registry.facts("data/sources.py", "SOURCES", "digest")
    with pytest.raises(LookupError, match="with a plain str as build"):
        registry.words("diffusion/guidance.py", "GUIDANCES", "build")


def test_the_grid_knows_every_target_and_weighting():
    for target in registry.names("diffusion/target.py", "TARGETS"):
        for weighting in registry.names("diffusion/weighting.py", "WEIGHTINGS"):
            cell = families.parse(f"ddpm_{target}_{weighting}")
            assert (cell.target, cell.weighting) == (target, weighting)

"""How domains are made is checked as a whole, and each stage of it draws from a stream of its own."""

from __future__ import annotations

import warnings
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from planted_tissue import planted_domains
from sigel.config.domains import DomainConfig
from sigel.errors import InputError
from sigel.images.section import Section
from sigel.tasks.domains import find as find_module
from sigel.tasks.domains import mixture, n_domains
from sigel.tasks.domains.find import describe_section, domains_of, find_domains
from sigel.tasks.domains.recipe import Recipe

RECIPE = Recipe(config=DomainConfig(starts=1, windows=(1, 7), max_domains=3), device="cpu", seed=3)


@pytest.fixture(scope="module")
def section():
    adata = planted_domains(14, 14, 2, per_domain=10, n_background=6)
    return Section(adata.X, adata.var_names.to_numpy(object), adata.obsm["spatial"])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"method": "kmeans"}, "method"),
        ({"method": ["mixture"]}, "method"),
        ({"method": None}, "method"),
        ({"refine": "yes"}, "refine"),
        ({"refine": 1}, "refine"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"seed": True}, "seed"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(wrong, named):
    with pytest.raises(InputError) as refused:
        Recipe(**wrong)
    assert refused.value.argument == named
    with pytest.raises(InputError):
        replace(RECIPE, **wrong)


def test_a_recipe_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        RECIPE.seed = 1


def test_the_number_is_refused_before_spots_are_described(section, monkeypatch):
    monkeypatch.setattr(find_module, "describe", lambda *_, **__: pytest.fail("too late"))
    for number in (1, 10**6, 2.5):
        with pytest.raises(InputError) as refused:
            find_domains(section, number, RECIPE)
        assert refused.value.argument == "n_domains"


def test_domains_of_a_section_are_those_of_its_description(section):
    whole = find_domains(section, 2, RECIPE)
    described = describe_section(section, RECIPE)
    parts = domains_of(described, 2, RECIPE)
    for name in ("label", "prob", "features", "genes", "window"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    again = domains_of(described, 2, replace(RECIPE, seed=4))
    assert again.features is not parts.features
    np.testing.assert_array_equal(again.features, parts.features)


def test_no_two_stages_draw_the_same_numbers(section, monkeypatch):
    drawn = {}

    def noting(module):
        real = module.stream

        def stream(seed, stage):
            drawn.setdefault(stage, []).append((seed, real(seed, stage).integers(2**62)))
            return real(seed, stage)

        monkeypatch.setattr(module, "stream", stream)

    for module in (find_module, mixture, n_domains):
        noting(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        find_domains(section, None, RECIPE)
    assert set(drawn) == {"windows", "domains", "number of domains"}
    assert {seed for uses in drawn.values() for seed, _ in uses} == {RECIPE.seed}
    # Halves of the counts are described and clustered from the same starts: only their counts differ.
    assert len(drawn["number of domains"]) == 1
    assert len({first for uses in drawn.values() for _, first in uses}) == 3

"""Settings are checked when they are made, and survive being written down."""

import copy
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

import sigel
from sigel.config import EncoderConfig, ImageConfig, MixtureConfig, SIGELConfig, TrainConfig
from sigel.errors import ConfigError, SIGELError

PARTS = [EncoderConfig, ImageConfig, MixtureConfig, SIGELConfig, TrainConfig]


@pytest.mark.parametrize("config", [SIGELConfig(), SIGELConfig.parity()])
def test_settings_survive_json(config):
    assert SIGELConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("part", PARTS)
def test_settings_are_frozen_and_named(part):
    config = part()
    name = dataclasses.fields(part)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, name, 1)
    with pytest.raises(TypeError):
        part(1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 3}, ["epochs", "n_dims", "train"]),
        ({"train": {"epochs": 3}}, ["epochs", "pretrain_epochs"]),
        ({"train": 3}, ["train", "dict"]),
        ({"n_dims": 1}, ["n_dims", "1", "2 to 1024"]),
        ({"n_dims": 2.5}, ["n_dims", "2.5"]),
        ({"n_groups": "many"}, ["n_groups", "'many'", "auto"]),
        ({"n_groups": 0}, ["n_groups", "0"]),
        ({"n_groups": True}, ["n_groups", "True"]),
        ({"assignment": "kmeans"}, ["assignment", "'kmeans'", "mixture", "dec"]),
        ({"encoder": {"mask_ratio": 1.0}}, ["mask_ratio", "1.0"]),
        ({"encoder": {"dim": 30}}, ["dim", "30", "multiple of", "8"]),
        ({"encoder": {"pool": "max"}}, ["pool", "'max'"]),
        ({"image": {"smooth": -0.1}}, ["smooth", "-0.1"]),
        ({"image": {"pixel_size": 0}}, ["pixel_size", "0"]),
        ({"image": {"exclude": ["(", "^MT-"]}}, ["exclude", "'('"]),
        ({"image": {"exclude": 3}}, ["exclude", "3", "sequence of text"]),
        ({"mixture": {"covariance": "tied"}}, ["covariance", "'tied'", "diag"]),
        ({"mixture": {"dof_bounds": (5, 2)}}, ["dof_bounds"]),
        ({"mixture": {"dof_prior": (0.5, 1)}}, ["dof_prior", "0.5", ">= 1"]),
        ({"mixture": {"scale_dof": -1000}}, ["scale_dof", "-1000", "31"]),
        ([1], ["SIGELConfig", "[1]", "dict"]),
        ({"train": {"thin": 1.5}}, ["thin", "1.5"]),
        ({"train": {"pretrain_lr": "fast"}}, ["pretrain_lr", "'fast'"]),
        ({"train": {"pretrain_lr": float("nan")}}, ["pretrain_lr", "nan"]),
        ({"train": {"cluster_weight": -1}}, ["cluster_weight", "-1"]),
    ],
)
def test_unknown_or_impossible_settings_are_errors_that_say_what_is_known(settings, words):
    with pytest.raises(ConfigError) as error:
        SIGELConfig.from_dict(settings)
    for word in words:
        assert word in str(error.value)
    assert isinstance(error.value, SIGELError)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(
    ("settings", "setting", "found"),
    [
        ({"train": {"epochs": 3}}, "epochs", "an unknown setting 'epochs'"),
        ({"train": 3}, "train", "3"),
        ({"encoder": {"pool": "max"}}, "pool", "'max'"),
        ({"n_dims": 1}, "n_dims", "1"),
    ],
)
def test_a_refusal_keeps_its_parts_also_as_a_copy(settings, setting, found):
    with pytest.raises(ConfigError) as caught:
        SIGELConfig.from_dict(settings)
    for error in (caught.value, copy.copy(caught.value)):
        assert (error.setting, error.found) == (setting, found)
        assert (
            str(error) == f"setting `{setting}`: found {found}; wanted {error.wanted}. {error.fix}".rstrip()
        )


@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        ({"train": {"epochs": 3}}, "Did you mean pretrain_epochs or refine_epochs?"),
        ({"train": {"pretrain_epoch": 3}}, "Did you mean pretrain_epochs?"),
        ({"min_spots": 3}, 'It is in a part of its own: config={"image": {"min_spots": ...}}.'),
        ({"nothing": 3}, ""),
    ],
)
def test_an_unknown_setting_is_told_what_may_have_been_meant(settings, fix):
    with pytest.raises(ConfigError, match="unknown setting") as caught:
        SIGELConfig.from_dict(settings)
    assert caught.value.fix == fix


def test_one_pattern_may_be_given_as_text():
    assert ImageConfig.from_dict({"exclude": "^MT-"}).exclude == ("^MT-",)


def test_parity_is_what_the_published_code_does():
    config = SIGELConfig.parity()
    assert config.assignment == "dec"
    assert config.encoder.decoder == "bottleneck"
    assert config.image.scale == "none"
    assert config.train.thin is None


def test_numbers_of_numpy_become_plain_ones():
    config = SIGELConfig.from_dict(
        {"n_dims": np.int64(8), "n_groups": np.int32(3), "train": {"pretrain_lr": np.float32(0.5)}}
    )
    assert config == SIGELConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert type(config.n_groups) is int


def test_every_setting_is_read_somewhere():
    library = Path(sigel.__file__).parent
    code = "".join(p.read_text() for p in library.rglob("*.py") if p.parent.name != "config")
    for part in PARTS:
        for field in dataclasses.fields(part):
            pattern = rf"\.{field.name}\b|[\"']{field.name}[\"']"
            built = field.name in ("pretrain_lr", "refine_lr", "graph_weight") or re.search(pattern, code)
            assert built, f"{part.__name__}.{field.name} is read nowhere"


def test_presets_are_changed_by_what_is_said():
    fast = SIGELConfig.from_dict({"preset": "fast", "n_dims": 16, "encoder": {"rank": 50}})
    assert (fast.n_dims, fast.encoder.rank, fast.encoder.branch) == (16, 50, False)
    assert SIGELConfig.from_dict({"preset": "fast", "encoder": {"branch": True}}).encoder.branch
    assert SIGELConfig.preset() == SIGELConfig.preset("default") == SIGELConfig()
    paper = SIGELConfig.from_dict({"preset": "paper", "n_groups": 20})
    assert (paper.n_groups, paper.max_groups, paper.encoder.start) == (20, 500, "random")
    assert paper.assignment == "mixture"
    thorough = SIGELConfig.preset("thorough")
    assert thorough.train.refine_epochs > SIGELConfig().train.refine_epochs
    for wrong in ("quick", None, 3):
        with pytest.raises(ConfigError, match=r'preset.*"fast", "default", "thorough" or "paper"'):
            SIGELConfig.from_dict({"preset": wrong})


def test_something_has_to_encode():
    with pytest.raises(ConfigError, match="branch"):
        SIGELConfig.from_dict({"encoder": {"start": "random", "branch": False}})

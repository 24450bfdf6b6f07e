"""A fit that is stopped at any epoch goes on to the numbers of one that was not."""

from __future__ import annotations

import numpy as np
import pytest

import sigel
from conftest import QUICK, images_of
from sigel.errors import InputError, ModelFormatError
from sigel.training.checkpoint import FILE
from sigel.training.trainer import Trainer


class Killed(Exception):
    """Stands for a kill."""


def settings(**changes):
    train = {"pretrain_epochs": 3, "refine_epochs": 3, "tolerance": 0.0}
    base = {**QUICK, "train": train, "n_dims": 8, "n_groups": 3}
    return sigel.SIGELConfig.from_dict({**base, **changes})


def stop_after(monkeypatch, stage: str, epoch: int) -> None:
    """Kill the fit right after the checkpoint of an epoch."""
    keep = Trainer._keep

    def keep_and_die(self, now, done):
        keep(self, now, done)
        if (now.name, done) == (stage, epoch):
            raise Killed

    monkeypatch.setattr(Trainer, "_keep", keep_and_die)


@pytest.fixture(scope="module", params=["mixture", "dec"])
def uninterrupted(request, toy):
    """Images, settings and a fit by them."""
    # On a GPU sums run in no fixed order, and two uninterrupted fits differ in their last digits too.
    images, config = images_of(toy(n_genes=60)), settings(assignment=request.param)
    return images, config, sigel.SIGEL(config, seed=3, device="cpu").fit(images)


@pytest.mark.parametrize(
    ("stage", "epoch"),
    [
        ("pretrain", 1),
        ("refine", 0),
        *(
            pytest.param(*at, marks=pytest.mark.nightly)
            for at in (("pretrain", 0), ("pretrain", 3), ("refine", 2))
        ),
    ],
)
def test_a_killed_fit_ends_with_the_numbers_of_an_uninterrupted_one(
    uninterrupted, tmp_path, monkeypatch, stage, epoch
):
    images, config, whole = uninterrupted
    with monkeypatch.context() as patch:
        stop_after(patch, stage, epoch)
        with pytest.raises(Killed):
            sigel.SIGEL(config, seed=3, device="cpu").fit(images, checkpoint=tmp_path)
    resumed = sigel.SIGEL(config, seed=3, device="cpu").fit(images, checkpoint=tmp_path)
    assert np.array_equal(resumed.representations, whole.representations)
    assert np.array_equal(resumed.posterior, whole.posterior)
    for mine, theirs in zip(resumed.history, whole.history, strict=True):
        assert {k: v for k, v in mine.items() if k != "seconds"} == {
            k: v for k, v in theirs.items() if k != "seconds"
        }


def test_a_finished_fit_is_read_and_not_run_again(toy, tmp_path, monkeypatch):
    images = images_of(toy())
    first = sigel.SIGEL(settings()).fit(images, checkpoint=tmp_path)
    monkeypatch.setattr("sigel.training.steps.Step.__call__", None)
    again = sigel.SIGEL(settings()).fit(images, checkpoint=tmp_path)
    assert np.array_equal(first.representations, again.representations)


@pytest.mark.parametrize("what", ["seed", "settings", "data"])
def test_the_state_of_another_fit_is_refused_and_kept(toy, tmp_path, what):
    images = images_of(toy())
    sigel.SIGEL(settings()).fit(images, checkpoint=tmp_path)
    before = (tmp_path / FILE).read_bytes()
    seed = 1 if what == "seed" else 0
    config = settings(n_groups=4) if what == "settings" else settings()
    other = images_of(toy(seed=9)) if what == "data" else images
    with pytest.raises(InputError, match=f"`checkpoint`.*other {what}"):
        sigel.SIGEL(config, seed=seed).fit(other, checkpoint=tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


@pytest.mark.parametrize(("wrote", "goes_on"), [("8.9.0", True), ("8.0.0", False)])
def test_a_state_of_an_earlier_version_is_gone_on_from_where_its_steps_are_the_same(
    toy, tmp_path, monkeypatch, wrote, goes_on
):
    images = images_of(toy())
    whole = sigel.SIGEL(settings(), device="cpu").fit(images)
    monkeypatch.setattr("sigel.training.checkpoint.SAME_STEPS", ("8.9.0",))
    with monkeypatch.context() as patch:
        patch.setattr("sigel.model.fitted.__version__", wrote)
        stop_after(patch, "pretrain", 2)
        with pytest.raises(Killed):
            sigel.SIGEL(settings(), device="cpu").fit(images, checkpoint=tmp_path)
    monkeypatch.setattr("sigel.model.fitted.__version__", "9.0.0")
    model = sigel.SIGEL(settings(), device="cpu")
    if goes_on:
        assert np.array_equal(model.fit(images, checkpoint=tmp_path).representations, whole.representations)
    else:
        with pytest.raises(InputError, match=r"`checkpoint`.*other version"):
            model.fit(images, checkpoint=tmp_path)


def test_a_damaged_state_or_a_file_in_place_of_the_folder_is_refused(toy, tmp_path):
    images = images_of(toy())
    folder = tmp_path / "state"
    sigel.SIGEL(settings()).fit(images, checkpoint=folder)
    whole = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFormatError, match="checkpoint"):
        sigel.SIGEL(settings()).fit(images, checkpoint=folder)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match=r"`checkpoint`.*a file"):
        sigel.SIGEL(settings()).fit(images, checkpoint=file)

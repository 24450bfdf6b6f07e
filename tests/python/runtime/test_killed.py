"""What writes and is killed leaves nothing, what was there, or all of it, and the next call goes through."""

from __future__ import annotations

import os
import shutil
import signal
import time

import numpy as np
import pytest

import sigel
from sigel.model import files
from sigel.runtime import drafts
from sigel.training.checkpoint import FILE
from writers import SETTINGS, WRITERS, content, digest, ended, fit, killed_after

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

FILES = [name for name in WRITERS if name != "checkpoint"]
# One of each way to a file.
FEW = ("similar.tsv", "values.h5ad", "values.zarr", "model", "network.graphml")


def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def visible(folder):
    return sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.nightly) if name.endswith("zarr") else name for name in FEW]
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_beside_the_move_leaves_the_old_or_the_new(inputs, tmp_path, monkeypatch, name, moment):
    place = tmp_path / name
    WRITERS[name](place, inputs)
    whole, old = content(place), digest(place)
    with monkeypatch.context() as patch:
        if moment == "before":
            patch.setattr(drafts, "_move", die)
        else:
            patch.setattr(drafts, "remove_dead_drafts", die)
        assert ended(lambda: WRITERS[name](place, inputs)) == -signal.SIGKILL
        fresh = tmp_path / "fresh" / name
        fresh.parent.mkdir()
        assert ended(lambda: WRITERS[name](fresh, inputs)) == -signal.SIGKILL
    assert content(place) == whole
    assert moment == "after" or digest(place) == old
    assert visible(fresh.parent) == ([] if moment == "before" else [name])
    WRITERS[name](fresh, inputs)
    WRITERS[name](place, inputs)
    assert content(place) == content(fresh) == whole
    assert visible(tmp_path) == sorted(["fresh", name])


@pytest.mark.parametrize("moved", range(5))
def test_a_model_is_whole_between_any_two_of_its_files(inputs, tmp_path, monkeypatch, moved):
    place, other = (
        tmp_path / "model",
        sigel.SIGEL(sigel.SIGELConfig.from_dict(SETTINGS), seed=1, device="cpu"),
    )
    other.fit(sigel.GeneImages.from_anndata(inputs.section)).save(place)
    (place / "notes.txt").write_text("mine")
    replace, done = type(place).replace, []

    def replace_some(self, target):
        if self.parent.name == ".saved":
            if len(done) == moved:
                die()
            done.append(self)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(place), "replace", replace_some)
        if moved == 4:
            patch.setattr(files.shutil, "rmtree", die)
        assert ended(lambda: inputs.model.save(place)) == -signal.SIGKILL
    read = sigel.SIGEL.load(place, device="cpu")
    assert np.array_equal(read.representations, inputs.model.representations)
    other.save(place)
    assert np.array_equal(sigel.SIGEL.load(place).representations, other.representations)
    assert [one.name for one in place.iterdir() if one.name.startswith(".")] == []
    assert (place / "notes.txt").read_text() == "mine"


def test_what_a_kill_left_is_swept_after_a_day_and_nothing_else(tmp_path):
    left, young, folder = (tmp_path / f".a.sigel-draft-{k * 16}.tsv" for k in "123")
    names = [".b.sigel-draft-1234567812345678.tsv", ".a.sigel-draft-1234567812345678.csv", ".a.20240101.tsv"]
    others = [tmp_path / name for name in names]
    folder.mkdir()
    (folder / "part").touch()
    for one in (left, young, *others):
        one.touch()
    for one in (left, folder / "part", folder, *others):
        os.utime(one, (time.time() - 90000,) * 2)
    with drafts.drafted(tmp_path / "a.tsv") as draft:
        draft.write_text("new")
    assert set(tmp_path.iterdir()) == {tmp_path / "a.tsv", young, *others}


def test_a_folder_that_may_not_be_listed_takes_what_is_written(tmp_path, monkeypatch):
    def no_list(self):
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "iterdir", no_list)
        with drafts.drafted(tmp_path / "a.tsv") as draft:
            draft.write_text("new")
    assert (tmp_path / "a.tsv").read_text() == "new"


def test_a_draft_is_its_own_draft(tmp_path):
    with drafts.drafted(tmp_path / "a.tsv") as outer:
        with drafts.drafted(outer) as inner:
            inner.write_text("new")
        assert inner == outer
    assert [one.name for one in tmp_path.iterdir()] == ["a.tsv"]


def test_an_input_that_cannot_be_read_is_not_told_as_the_output(tmp_path):
    place = tmp_path / "a.tsv"
    with pytest.raises(FileNotFoundError), drafts.writing(place, "out"):
        (tmp_path / "input.tsv").read_text()
    with pytest.raises(drafts.NotWrittenError, match=r"`out`.*a.tsv"), drafts.writing(place, "out"):
        place.read_text()


def test_folders_trade_places_where_no_system_does_it_in_one_step(tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "_exchanged", lambda *_: False)
    place = tmp_path / "a.zarr"
    for text in ("first", "second"):
        with drafts.drafted(place) as draft:
            draft.mkdir()
            (draft / "part").write_text(text)
    assert (place / "part").read_text() == "second"
    assert [one.name for one in tmp_path.iterdir()] == ["a.zarr"]


def moments(rng, seconds, n):
    """Half of them anywhere, half in the last third, where files are written."""
    return np.concatenate([rng.uniform(0, seconds, n - n // 2), rng.uniform(0.67, 1.02, n // 2) * seconds])


@pytest.mark.nightly
@pytest.mark.parametrize("name", FILES)
def test_a_kill_at_any_moment_leaves_the_old_or_the_new(inputs, tmp_path, name):
    rng = np.random.default_rng(FILES.index(name))
    write, place = WRITERS[name], tmp_path / name
    write(place, inputs)  # loads what is loaded once
    started = time.perf_counter()
    ended(lambda: write(place, inputs))
    seconds = time.perf_counter() - started
    whole, killed = content(place), 0
    for k, moment in enumerate(moments(rng, seconds, 8)):
        if k % 2:
            old = digest(place) if place.exists() else None
        elif place.exists():
            old = None
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        else:
            old = None
        killed += killed_after(moment, lambda: write(place, inputs))
        if old is not None or place.exists():
            assert content(place) == whole
        assert visible(tmp_path) in ([], [name])
    write(place, inputs)
    assert content(place) == whole
    print(f"{name}: {killed} kills within {seconds:.2f} s")


@pytest.mark.nightly
def test_a_fit_killed_at_any_moment_goes_on_to_the_same_numbers(inputs, tmp_path):
    rng, kills = np.random.default_rng(0), 0

    def numbers(place):
        adata = inputs.section.copy()
        sigel.tl.embed(adata, config=SETTINGS, progress=False, device="cpu", checkpoint=place)
        return adata.varm["X_sigel"], adata.obsm["X_sigel"]

    started = time.perf_counter()
    whole = numbers(tmp_path / "whole")
    seconds = time.perf_counter() - started
    for k in range(5):
        place = tmp_path / f"state{k}"
        for moment in rng.uniform(0, 0.6 * seconds, 3):
            kills += killed_after(moment, lambda place=place: fit(place, inputs))
        assert not place.exists() or visible(place) in ([], [FILE])
        for mine, theirs in zip(numbers(place), whole, strict=True):
            assert np.array_equal(mine, theirs, equal_nan=True)
    assert kills >= 10

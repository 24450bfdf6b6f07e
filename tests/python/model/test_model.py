"""The fitted model: new images, saved and loaded, and folders that must not be trusted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import sigel
from conftest import QUICK, images_of
from sigel.errors import InputError, ModelFormatError, NotFittedError


def settings(**parts):
    return sigel.SIGELConfig.from_dict({"n_dims": 8, "n_groups": 4, **QUICK, **parts})


@pytest.fixture(scope="module")
def images(toy):
    return images_of(toy())


@pytest.fixture(scope="module")
def fitted(images):
    return sigel.SIGEL(settings(), seed=1, device="cpu").fit(images)


@pytest.fixture
def saved(fitted, tmp_path):
    return fitted.save(tmp_path / "model")


# --- use -------------------------------------------------------------------------------------------------


def test_transform_of_the_same_images_gives_the_same_representations(fitted, images):
    assert np.abs(fitted.transform(images) - fitted.representations).max() < 1e-4


def test_a_model_describes_a_section_of_another_grid(fitted, toy):
    other = images_of(toy(n_genes=9, height=21, width=5, seed=4))
    z = fitted.transform(other)
    assert z.shape == (9, 8)
    assert np.isfinite(z).all()
    assert np.allclose(fitted.predict_groups(z).sum(axis=1), 1, atol=1e-5)


def test_images_made_in_another_way_are_refused(fitted, toy):
    with pytest.raises(InputError, match=r"smooth=0\.5") as error:
        fitted.transform(images_of(toy(), smooth=0.5))
    assert "config.image" in str(error.value)
    with pytest.raises(InputError, match="aggregate='sum'"):
        fitted.transform(images_of(toy(), aggregate="sum"))


@pytest.mark.parametrize("use", ["groups", "group_prob", "raster", "transform", "predict_groups", "save"])
def test_nothing_works_before_fit_and_the_error_says_so(use, images, tmp_path):
    model = sigel.SIGEL(settings(), device="cpu")
    arguments = {"transform": [images], "predict_groups": [np.zeros((1, 8))], "save": [tmp_path]}
    with pytest.raises(NotFittedError, match="fit"):
        getattr(model, use)(*arguments[use]) if use in arguments else getattr(model, use)


@pytest.mark.parametrize("z", [np.zeros((3, 5)), np.zeros(8), np.full((2, 8), np.nan), "a"])
def test_representations_of_another_kind_get_no_groups(fitted, z):
    with pytest.raises(InputError, match="representations"):
        fitted.predict_groups(z)


def test_a_second_fit_replaces_the_first(toy):
    model = sigel.SIGEL(settings(), seed=1, device="cpu")
    first = model.fit(images_of(toy())).representations.copy()
    model.fit(images_of(toy(n_genes=25)))
    assert len(model.genes) == 25
    again = model.fit(images_of(toy())).representations
    assert np.array_equal(first, again)


# --- saved and loaded ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"assignment": "dec"},
        {"mixture": {"covariance": "full", "shared_dof": True}},
        {"encoder": {**QUICK["encoder"], "decoder": "bottleneck"}},
    ],
)
def test_a_loaded_model_is_the_saved_one(images, tmp_path, parts):
    model = sigel.SIGEL(settings(**parts), seed=2, device="cpu").fit(images)
    folder = model.save(tmp_path / "deep" / "model")
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json",
        "genes.txt",
        "raster.json",
        "weights.safetensors",
    ]
    loaded = sigel.SIGEL.load(folder, device="cpu")
    assert loaded.config == model.config
    assert loaded.seed == 2
    assert list(loaded.genes) == list(model.genes)
    assert np.array_equal(loaded.representations, model.representations)
    assert np.array_equal(loaded.posterior, model.posterior)
    assert loaded.history == model.history
    assert loaded.bic == model.bic
    assert loaded.provenance == model.provenance
    assert loaded.raster.shape == model.raster.shape
    assert np.array_equal(loaded.transform(images), model.transform(images))
    assert np.array_equal(loaded.predict_groups(model.representations), model.posterior)


def test_nothing_in_the_folder_can_run_code(saved):
    for file in saved.iterdir():
        assert not file.read_bytes().startswith((b"\x80", b"PK"))  # pickle, and torch's zip of pickles
    json.loads((saved / "config.json").read_text(), parse_constant=lambda name: pytest.fail(name))


def test_saving_again_replaces_and_leaves_nothing_behind(fitted, saved):
    before = sorted(saved.iterdir())
    (saved / "weights.safetensors").write_bytes(b"damaged")
    fitted.save(saved)
    assert sorted(saved.iterdir()) == before
    sigel.SIGEL.load(saved, device="cpu")


def edit(folder, change):
    about = json.loads((folder / "config.json").read_text())
    change(about)
    (folder / "config.json").write_text(json.dumps(about))


def forge(folder, name):
    """As if the folder had been saved with this file."""
    hash_now = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    edit(folder, lambda about: about["sha256"].update({name: hash_now}))


def reverse_genes(folder):
    names = (folder / "genes.txt").read_text().splitlines()
    (folder / "genes.txt").write_text("".join(f"{name}\n" for name in reversed(names)))


def move_pixels(folder):
    raster = json.loads((folder / "raster.json").read_text())
    raster["rows"] = [row + 100 for row in raster["rows"]]
    (folder / "raster.json").write_text(json.dumps(raster))
    forge(folder, "raster.json")


def drop_tensor(folder):
    tensors = load_file(folder / "weights.safetensors")
    tensors.pop(next(name for name in tensors if name.startswith("encoder.")))
    save_file(tensors, folder / "weights.safetensors")
    forge(folder, "weights.safetensors")


def reshape_tensor(folder):
    tensors = load_file(folder / "weights.safetensors")
    tensors["groups.means"] = tensors["groups.means"][:-1].copy()
    save_file(tensors, folder / "weights.safetensors")
    forge(folder, "weights.safetensors")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: (p / "raster.json").unlink(), "lacks raster.json"),
        (lambda p: (p / "weights.safetensors").write_bytes(b"\0" * 40), "damaged"),
        (lambda p: (p / "config.json").write_text("{"), "damaged"),
        (lambda p: (p / "genes.txt").write_text("A\nB\n"), "genes.txt is not the file"),
        (reverse_genes, "genes.txt is not the file"),
        (lambda p: edit(p, lambda about: about.update(format=99, version="9.0.0")), r"format 99 .*9\.0\.0"),
        (lambda p: edit(p, lambda about: about.update(n_groups=7)), "posterior"),
        (lambda p: edit(p, lambda about: about["config"].update(n_dims=16)), "representations"),
        (lambda p: edit(p, lambda about: about["config"].update(novelty=1)), "novelty"),
        (lambda p: edit(p, lambda about: about.pop("history")), "history"),
        (lambda p: edit(p, lambda about: about.update(bic=[])), "damaged"),
        (lambda p: edit(p, lambda about: about.update(n_genes=7)), "genes are 40, wanted 7"),
        (drop_tensor, "damaged"),
        (reshape_tensor, "means"),
        (move_pixels, "fit a grid"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused_with_its_name(saved, damage, words):
    damage(saved)
    with pytest.raises(ModelFormatError, match=words) as error:
        sigel.SIGEL.load(saved, device="cpu")
    assert str(saved) in str(error.value)


def test_no_folder_is_no_model(tmp_path):
    with pytest.raises(ModelFormatError, match=r"`path`: .*nothing: there is no such folder"):
        sigel.SIGEL.load(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(ModelFormatError, match=r"`path`: .*file: a file; wanted a folder"):
        sigel.SIGEL.load(tmp_path / "file")
    with pytest.raises(ModelFormatError, match=r"lacks .*config\.json"):
        sigel.SIGEL.load(tmp_path)


@pytest.mark.parametrize("moves", [0, 1, 2, 3])
def test_an_interrupted_save_over_another_model_is_never_read_as_a_mixture(
    fitted, images, tmp_path, monkeypatch, moves
):
    folder = sigel.SIGEL(settings(), seed=9, device="cpu").fit(images).save(tmp_path / "model")
    replace, done = Path.replace, []

    def stop(self, target):
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        fitted.save(folder)
    monkeypatch.undo()
    # The first move is that of all files in a folder of their own.
    read = sigel.SIGEL.load(folder, device="cpu")
    assert read.seed == (9 if moves == 0 else fitted.seed)
    if moves:
        (folder / ".saved" / "config.json").unlink()
        with pytest.raises(ModelFormatError, match="not the file that was saved"):
            sigel.SIGEL.load(folder, device="cpu")


def test_gene_names_of_any_script_survive(toy, tmp_path):
    counts, _, coordinates, _ = toy(n_genes=4)
    genes = ["β-actin", "Ünal", "line\u2028end", "tab\there"]
    model = sigel.SIGEL(settings(n_groups=1), device="cpu").fit(images_of((counts, genes, coordinates, None)))
    assert list(sigel.SIGEL.load(model.save(tmp_path), device="cpu").genes) == genes


def test_a_device_that_is_not_there_is_not_the_models_fault(saved):
    with pytest.raises(InputError, match="`device`"):
        sigel.SIGEL.load(saved, device="cuda:99")


def test_a_file_is_no_folder(fitted, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"`path`.*a file"):
        fitted.save(tmp_path / "file")


def test_what_is_no_config_or_no_images_is_refused(toy, images):
    with pytest.raises(InputError, match=r"`config`.*dict.*from_dict"):
        sigel.SIGEL({"n_dims": 4})
    with pytest.raises(InputError, match=r"`images`.*from_anndata"):
        sigel.SIGEL(settings(), device="cpu").fit(toy()[0])


def test_weights_that_are_not_numbers_are_refused(saved):
    tensors = load_file(saved / "weights.safetensors")
    tensors["representations"][3, 1] = np.nan
    save_file(tensors, saved / "weights.safetensors")
    forge(saved, "weights.safetensors")
    with pytest.raises(ModelFormatError, match="not finite"):
        sigel.SIGEL.load(saved, device="cpu")


@pytest.mark.parametrize("path", [None, 3])
def test_what_is_no_path_is_refused(fitted, path):
    with pytest.raises(InputError, match="`path`"):
        sigel.SIGEL.load(path)
    with pytest.raises(InputError, match="`path`"):
        fitted.save(path)


@pytest.mark.nightly
def test_a_second_fit_knows_nothing_of_the_first(toy):
    """The automatic size of patches is that of each section."""
    large = images_of(toy(height=40, width=40))
    config = sigel.SIGELConfig.from_dict({**QUICK, "n_dims": 8, "n_groups": 3})
    again = sigel.SIGEL(config, device="cpu").fit(images_of(toy())).fit(large)
    fresh = sigel.SIGEL(config, device="cpu").fit(large)
    assert again.config == fresh.config
    assert np.array_equal(again.representations, fresh.representations)

"""Several sections in one space: planted truth, genes that some sections lack, files, and other images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import sigel
from sigel.errors import InputError, ModelFormatError
from sigel.images import GeneImages
from sigel.images.section import Section
from sigel.images.tensors import ImageViews
from sigel.model.canvas_places import OnCanvas

FAST = {"preset": "fast", "n_dims": 16, "n_groups": 5, "image": {"min_spots": 3}}
QUICK = {"train": {"pretrain_epochs": 1, "refine_epochs": 1}, "encoder": {"depth": 1, "dim": 16}}


def config(**more) -> sigel.SIGELConfig:
    return sigel.SIGELConfig.from_dict({**FAST, **more})


@pytest.fixture(scope="module")
def tissue():
    """One tissue seen twice: two sections whose counts are independent given the tissue."""
    adata = sigel.datasets.simulated_section(18, 18, 4, 30, 40, median_counts=3000, seed=0)
    half = np.random.default_rng(0).binomial(adata.X.toarray().astype(int), 0.5)
    genes, places = adata.var_names.to_numpy(), adata.obsm["spatial"]
    sections = [Section(x.astype(np.float32), genes, places) for x in (half, adata.X.toarray() - half)]
    # The other lies on its side, and in other units.
    sections[1] = replace(sections[1], coordinates=places[:, ::-1] * 3.0)
    return sections, adata.var["programme"].astype(str)


@pytest.fixture(scope="module")
def fitted(tissue):
    sections, _ = tissue
    images = GeneImages.from_sections(zip("AB", sections, strict=True), config().image)
    return sigel.SIGEL(config(), device="cpu").fit(images), images


def test_a_gene_lies_by_its_programme_in_the_other_section(fitted, tissue):
    model, _ = fitted
    a, b = model.section_representations
    programme = tissue[1][model.genes].to_numpy()
    planted = programme != "background"
    cosine = a[planted] @ b[planted].T
    nearest = programme[planted][cosine.argmax(axis=1)]
    assert (nearest == programme[planted]).mean() > 0.95
    own = np.diag(cosine).mean()
    assert own > cosine[programme[planted][:, None] != programme[planted]].mean() + 4
    # And by what the other sections says of it itself, more than by chance within its programme.
    same = (programme[planted][:, None] == programme[planted]) & ~np.eye(planted.sum(), dtype=bool)
    assert own > cosine[same].mean()


def test_all_representations_lie_on_one_sphere(fitted):
    model, images = fitted
    assert model.sections == ("A", "B")
    assert model.section_representations.shape == (2, images.n_genes, 16)
    for z in (model.representations, *model.section_representations):
        length = np.linalg.norm(z, axis=1)
        assert length[np.isfinite(length)] == pytest.approx(4.0, abs=1e-4)
    absent = np.isnan(model.section_representations).all(axis=2)
    assert np.array_equal(~absent.T, images.present)


def test_names_that_change_places_between_sections_are_hardly_found(tissue):
    """Only a gene's own part in the eigenimages could find it, and it is read by what others say."""
    sections, _ = tissue
    mixed = np.random.default_rng(1).permutation(sections[1].genes)
    given = [("A", sections[0]), ("B", replace(sections[1], genes=mixed))]
    images = GeneImages.from_sections(given, config().image)
    model = sigel.SIGEL(config(), device="cpu").fit(images)
    both = images.present.all(axis=1)
    a, b = (z[both] - z[both].mean(axis=0) for z in model.section_representations)
    cosine = (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)
    rank = (cosine > np.diag(cosine)[:, None]).mean(axis=1)
    # By chance 0.5; with eigenimages of all sections together 0.08.
    assert rank.mean() > 0.35


def test_genes_that_a_section_lacks_are_read_by_the_others(fitted, tissue):
    """Their programme is found though a third of the genes are in one section alone, another in the other."""
    sections, programme = tissue
    third = np.arange(len(sections[0].genes)) % 3
    given = [
        (name, replace(section, counts=section.counts[:, third != k], genes=section.genes[third != k]))
        for k, (name, section) in enumerate(zip("AB", sections, strict=True))
    ]
    images = GeneImages.from_sections(given, config().image)
    model = sigel.SIGEL(config(), device="cpu").fit(images)
    assert set(model.genes) == set(fitted[0].genes)
    kinds = programme[model.genes].to_numpy()
    shared = images.present.all(axis=1)
    z = model.representations
    assert np.isfinite(z).all()
    planted = kinds != "background"
    cosine = z[planted & ~shared] @ z[planted & shared].T
    nearest = kinds[planted & shared][cosine.argmax(axis=1)]
    assert (nearest == kinds[planted & ~shared]).mean() > 0.95
    # What one section says is all that there is to say.
    for k in (0, 1):
        only = images.present[:, k] & ~shared
        assert np.allclose(model.section_representations[k, only], z[only], atol=1e-4)


def test_a_gene_is_read_alike_whatever_genes_are_beside_it(tissue):
    """One gene that a section lacks changes nothing for those that all sections have."""
    sections, _ = tissue
    lacking = replace(sections[1], counts=sections[1].counts[:, 1:], genes=sections[1].genes[1:])
    images = GeneImages.from_sections([("A", sections[0]), ("B", lacking)], config().image)
    model = sigel.SIGEL(config(), device="cpu").fit(images)
    whole = images.present.all(axis=1)
    assert (~whole).sum() == 1
    alone = model.transform(images.take(np.flatnonzero(whole)))
    np.testing.assert_allclose(alone, model.transform(images)[whole], atol=1e-4)


@pytest.mark.nightly
def test_with_all_modules_genes_that_a_section_lacks_are_fitted_too(tissue):
    sections, _ = tissue
    given = [("A", sections[0]), ("B", replace(sections[1], genes=sections[1].genes[:100]))]
    given[1] = ("B", replace(given[1][1], counts=sections[1].counts[:, :100]))
    images = GeneImages.from_sections(given, config().image)
    settings = config(**{**QUICK, "preset": "default"})
    model = sigel.SIGEL(settings, device="cpu").fit(images)
    assert np.isfinite(model.representations).all()
    assert np.isfinite([row["loss"] for row in model.history if "loss" in row]).all()
    assert np.array_equal(np.isfinite(model.section_representations).all(axis=2).T, images.present)


def test_a_saved_model_says_the_same(fitted, tissue, tmp_path):
    model, images = fitted
    sections, _ = tissue
    again = sigel.SIGEL.load(model.save(tmp_path / "model"), device="cpu")
    assert again.sections == model.sections
    assert np.array_equal(again.section_representations, model.section_representations, equal_nan=True)
    assert np.allclose(again.transform(images), model.representations, atol=1e-4)
    for k, name in enumerate("AB"):
        own = GeneImages.from_section(sections[k], config().image)
        rows = images.index(own.genes)
        found = again.transform(own, section=name)
        assert np.allclose(found, model.section_representations[k, rows], atol=1e-3)
    weights = (tmp_path / "model" / "config.json").read_text()
    (tmp_path / "model" / "config.json").write_text(weights.replace('"A"', '"A", "C"'))
    with pytest.raises(ModelFormatError):
        sigel.SIGEL.load(tmp_path / "model", device="cpu")


def test_a_section_on_another_grid_is_met_where_it_lies_nearest(fitted, tissue):
    model, images = fitted
    section = tissue[0][0]
    some = section.take(np.random.default_rng(0).random(len(section.coordinates)) < 0.9)
    own = GeneImages.from_section(some, config().image)
    found = model.transform(own, section="A")
    wanted = model.section_representations[0, images.index(own.genes)]
    assert np.nanmedian((found * wanted).sum(axis=1)) / 16 > 0.9


def test_noise_on_a_finer_grid_is_that_of_the_pixels_taken(fitted, tissue):
    """Of a section on twice as fine a grid one pixel in four is taken, none averaged."""
    canvas = fitted[1].raster
    part = canvas.parts[0]
    rows, cols = (2 * axis[part] for axis in (canvas.rows, canvas.cols))
    fine = [
        np.concatenate([axis + step for step in steps])
        for axis, steps in ((rows, (0, 0, 1, 1)), (cols, (0, 1, 0, 1)))
    ]
    order = np.lexsort(fine[::-1])
    places = np.column_stack(fine)[order].astype(float)
    counts = np.random.default_rng(0).poisson(2.0, (len(places), 8)).astype(np.float32)
    own = GeneImages.from_section(Section(counts, fitted[1].genes[:8], places), config().image)
    assert own.raster.n_pixels > 2 * (part.stop - part.start)
    lay = OnCanvas(canvas, 0, own.raster, torch.device("cpu"))
    view = ImageViews(own).view(torch.arange(8))
    laid = lay(view)
    measured = laid.image[:, part].square().mean(dim=1)
    assert (laid.noise.flatten() > 0.8 * measured).all()


def test_other_images_are_refused(fitted, tissue):
    model, images = fitted
    own = GeneImages.from_section(tissue[0][0], config().image)
    with pytest.raises(InputError, match=r"other section.*section=") as refused:
        model.transform(own)
    assert refused.value.argument == "images"
    with pytest.raises(InputError, match=r"'C'; wanted a section of the model: 'A', 'B'"):
        model.transform(own, section="C")
    with pytest.raises(InputError, match="images of 2 sections"):
        model.transform(images, section="A")
    with pytest.raises(InputError, match="another grid"):
        model.encode(iter(()), own.raster)
    alone = sigel.SIGEL(config(), device="cpu").fit(own)
    assert alone.sections == ()
    assert alone.section_representations.size == 0
    with pytest.raises(InputError, match="one section alone"):
        alone.transform(own, section="A")


def test_sections_need_genes_in_common(tissue):
    sections, _ = tissue
    genes = np.array([f"other{k}" for k in range(len(sections[1].genes))], dtype=object)
    genes[:10] = sections[1].genes[:10]
    images = GeneImages.from_sections(
        [("A", sections[0]), ("B", replace(sections[1], genes=genes))], config().image
    )
    message = r"10 genes with an image in all sections \(\d+ in 'A', \d+ in 'B'\); wanted at least 20"
    with pytest.raises(InputError, match=message):
        sigel.SIGEL(config(), device="cpu").fit(images)


def test_the_smooth_prior_of_one_section_says_nothing_of_another():
    from sigel.nn.encoder.smooth_modes import smooth_modes

    row, col = np.mgrid[:8, :6].reshape(2, -1)
    one = np.column_stack([row, col])
    places = torch.from_numpy(np.vstack([one, one + [8, 0]]).astype(np.float32))  # touching
    parts = (slice(0, 48), slice(48, 96))
    amount, modes = smooth_modes(places, 96, torch.Generator().manual_seed(0), parts)
    covariance = (modes * amount) @ modes.T
    assert float(covariance[:48, 48:].abs().max()) < 1e-4
    alone, of_one = smooth_modes(places[:48], 48, torch.Generator().manual_seed(0))
    assert torch.allclose(covariance[:48, :48], (of_one * alone) @ of_one.T, atol=1e-3)


def test_a_section_alone_has_the_images_that_it_has_among_others(tissue):
    sections, _ = tissue
    images = GeneImages.from_sections(zip("ABC", sections, strict=False), config().image)
    views, rows = ImageViews(images), torch.arange(0, images.n_genes, 7)
    whole = views.view(rows).image
    for k, part in enumerate(views.parts):
        seen = views.section_view(rows, k)
        torch.testing.assert_close(seen.image[:, part], whole[:, part], rtol=0, atol=1e-5)
        assert seen.image.count_nonzero() == seen.image[:, part].count_nonzero()
        alone = images.raster.section(k)
        assert alone.n_pixels == part.stop - part.start
        np.testing.assert_allclose(alone.coordinates(), images.raster.coordinates()[part])

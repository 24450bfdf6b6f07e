"""Every verb that reads counts and places refuses, and warns of, the same things in the same words."""

from __future__ import annotations

import warnings

import anndata
import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import sparse

import sigel
from sigel.errors import InputError, ModelFormatError

QUIET = {"progress": False, "device": "cpu"}
SECTIONS = {"section_key": "slide"}


def by_genes(adata, **arguments):
    sigel.tl.domains(adata, 2, genes=["Gene0001", "Gene0002", "Gene0003"], **QUIET, **arguments)


def reference_of(adata, **arguments):
    """The section as a reference, for a panel that is sound."""
    arguments["reference_layer"] = arguments.pop("layer", None)
    sigel.tl.impute(PANEL.copy(), adata, genes=["Gene0040"], intervals=False, **QUIET, **arguments)


def target_of(adata, **arguments):
    wanted = {"genes": ["Gene0040"], "intervals": False, **QUIET}
    sigel.tl.impute(adata[:, adata.var_names != "Gene0040"], WHOLE.copy(), **wanted, **arguments)


def labelled_by(adata, **arguments):
    arguments["reference_layer"] = arguments.pop("layer", None)
    sigel.tl.label_domains(WHOLE.copy(), adata, column="region", **QUIET, **arguments)


def drawn(draw):
    def call(adata, **arguments):
        plt.close(draw(adata, **arguments))

    return call


VERBS = {
    "embed": lambda adata, **rest: sigel.tl.embed(adata, preset="fast", n_groups=3, **QUIET, **rest),
    "spatial_genes": lambda adata, **rest: sigel.tl.spatial_genes(adata, score=False, **QUIET, **rest),
    "spatial_genes of sections": lambda adata, **rest: sigel.tl.spatial_genes(
        adata, score=False, **QUIET, **SECTIONS, **rest
    ),
    "pattern_genes": lambda adata, **rest: sigel.tl.pattern_genes(
        adata, "region", {"ring": 0.9}, n_null=0, **QUIET, **rest
    ),
    "select_genes": lambda adata, **rest: sigel.tl.select_genes(adata, **QUIET, **rest),
    "select_genes of sections": lambda adata, **rest: sigel.tl.select_genes(
        adata, **QUIET, **SECTIONS, **rest
    ),
    "domains": by_genes,
    "domains of chosen genes": lambda adata, **rest: sigel.tl.domains(adata, 2, **QUIET, **rest),
    "domains of sections": lambda adata, **rest: by_genes(adata, **SECTIONS, **rest),
    "label_domains": lambda adata, **rest: sigel.tl.label_domains(
        adata, WHOLE.copy(), column="region", **QUIET, **rest
    ),
    "label_domains, reference": labelled_by,
    "impute, target": target_of,
    "impute, reference": reference_of,
    "gene_images": drawn(lambda adata, **rest: sigel.pl.gene_images(adata, ["Gene0001"], **rest)),
}
OF_SECTIONS = [name for name in VERBS if name.endswith("of sections")]


def made(seed=0):
    adata = sigel.datasets.simulated_section(20, 20, 3, 15, 20, lattice="square", seed=seed)
    adata.obs["slide"] = np.where(
        adata.obsm["spatial"][:, 0] < np.median(adata.obsm["spatial"][:, 0]), "a", "b"
    )
    return adata


WHOLE = made()
PANEL = WHOLE[:, WHOLE.var_names != "Gene0040"].copy()


@pytest.fixture
def adata():
    return WHOLE.copy()


# --- refused -----------------------------------------------------------------------------------------------


def with_value(value):
    def change(adata):
        counts = adata.X.tolil()
        counts[3, 5] = value
        adata.X = counts.tocsr()

    return change


def without_places(adata):
    del adata.obsm["spatial"]
    adata.obs = adata.obs.drop(columns=["array_row", "array_col"], errors="ignore")


def with_places(change):
    def changed(adata):
        adata.obsm["spatial"] = change(adata.obsm["spatial"].astype(float))

    return changed


def lose_a_place(places):
    places[4, 0] = np.nan
    return places


def twice_a_name(adata):
    adata.var_names = [adata.var_names[1], *adata.var_names[1:]]


def without_counts(adata):
    del adata.X


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        (with_value(np.nan), {}, "values that are NaN or infinite"),
        (with_value(np.inf), {}, "values that are NaN or infinite"),
        (with_value(-3), {}, "negative values .smallest -3"),
        (without_counts, {}, r"layer`.*an empty X.*layer=\"counts\""),
        (None, {"layer": "raw"}, "layer`.*'raw'.*There are: 'counts'"),
        (None, {"spatial_key": "place"}, "`spatial_key`.*'place'.*'spatial'"),
        (without_places, {}, "spatial_key`.*keys in obsm: "),
        (with_places(lose_a_place), {}, r"1 of \d+ (spots|cells) without finite coordinates"),
        (twice_a_name, {}, "duplicated names, for example 'Gene0002'"),
        (lambda adata: adata._inplace_subset_obs([]), {}, "0 (spots|cells)"),
    ],
    ids=["nan", "inf", "negative", "no X", "layer", "key", "no places", "lost place", "names", "empty"],
)
@pytest.mark.parametrize("verb", VERBS)
def test_what_cannot_be_used_is_refused_by_every_verb_in_the_same_words(
    adata, verb, change, arguments, words
):
    adata.layers["counts"] = adata.X.copy()
    if change is not None:
        change(adata)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if (verb, change) == ("impute, reference", without_places):
            VERBS[verb](adata)  # cells without places are a reference
            return
        with pytest.raises(InputError, match=words):
            VERBS[verb](adata, **arguments)


@pytest.mark.parametrize("verb", OF_SECTIONS)
def test_every_spot_has_a_section(adata, verb):
    adata.obs["slide"] = adata.obs["slide"].astype(object)
    adata.obs.loc[adata.obs_names[:4], "slide"] = None
    with pytest.raises(InputError, match=r"`section_key`.*4 missing values"):
        VERBS[verb](adata)
    adata.obs = adata.obs.rename(columns={"slide": "slides"})
    with pytest.raises(InputError, match=r"`section_key`.*nearest: 'slides'"):
        VERBS[verb](adata)


# --- warned of ---------------------------------------------------------------------------------------------


def told_of_fractions(call) -> list[warnings.WarningMessage]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    return [one for one in told if "not whole numbers" in str(one.message)]


# Each more than a second long, of what reads counts as a quicker one does: by night.
LONG = ("domains of chosen genes", "domains of sections", "impute, reference")


@pytest.mark.parametrize(
    "verb", [pytest.param(verb, marks=pytest.mark.nightly) if verb in LONG else verb for verb in VERBS]
)
def test_fractions_are_told_of_once_at_the_line_of_the_caller(adata, verb):
    assert not told_of_fractions(lambda: VERBS[verb](adata.copy()))
    adata.X = adata.X.log1p()
    (told,) = told_of_fractions(lambda: VERBS[verb](adata))
    assert told.filename == __file__
    assert told.category is UserWarning


@pytest.mark.parametrize(
    "verb", ["embed", "spatial_genes", "spatial_genes of sections", "domains", "impute, target"]
)
def test_fractions_on_disk_are_told_of_once(adata, verb, tmp_path):
    adata.X = sparse.csr_matrix(adata.X.log1p())
    adata.write_h5ad(tmp_path / "section.h5ad")
    backed = anndata.read_h5ad(tmp_path / "section.h5ad", backed="r")
    (told,) = told_of_fractions(lambda: VERBS[verb](backed))
    assert told.filename == __file__
    backed.file.close()


def test_fractions_of_a_fit_are_told_of_by_the_fit_alone(adata):
    adata.layers["scaled"] = adata.X.log1p()
    adata.X = adata.X.log1p()
    assert told_of_fractions(lambda: VERBS["embed"](adata))
    for verb in ("spatial_genes", "pattern_genes", "select_genes", "domains"):
        assert not told_of_fractions(lambda verb=verb: VERBS[verb](adata)), verb
        assert told_of_fractions(lambda verb=verb: VERBS[verb](adata, layer="scaled")), verb
    assert not told_of_fractions(lambda: sigel.tl.domain_stability(adata, n_seeds=1, **QUIET))
    assert told_of_fractions(lambda: VERBS["embed"](adata))


def test_fractions_that_came_after_a_fit_are_told_of(adata):
    VERBS["embed"](adata)
    adata.X = adata.X.log1p()
    assert told_of_fractions(lambda: VERBS["spatial_genes"](adata))


def test_references_are_told_of_once(adata):
    adata.X = adata.X.log1p()
    (told,) = told_of_fractions(lambda: reference_of([adata, adata.copy()]))
    assert "of the reference" in str(told.message)
    assert 'reference_layer="counts"' in str(told.message)


@pytest.mark.parametrize("verb", [sigel.tl.pattern_genes, sigel.tl.spatial_genes])
def test_a_model_that_is_not_there_is_refused_by_its_argument(adata, verb, tmp_path):
    arguments = {"region_key": "region", "levels": {"ring": 0.9}} if verb is sigel.tl.pattern_genes else {}
    with pytest.raises(ModelFormatError, match=r"`model`: .*there is no such folder"):
        verb(adata, model=tmp_path / "nowhere", progress=False, **arguments)
    with pytest.raises(InputError, match="`model`: found 3"):
        verb(adata, model=3, progress=False, **arguments)


@pytest.mark.parametrize("verb", ["embed", "spatial_genes"])
def test_what_a_refusal_says_of_settings_works(adata, verb):
    adata.X = adata.X.log1p()
    (told,) = told_of_fractions(lambda: VERBS[verb](adata))
    assert 'config={"image": {"normalize": "none"}}' in str(told.message)
    few = {"image": {"min_spots": 10**6}}
    with pytest.raises(InputError, match=r'config=\{"image": \{"min_spots": 1\}\}'):
        call(verb, adata, few)
    assert not told_of_fractions(lambda: call(verb, adata, {"image": {"normalize": "none", "min_spots": 1}}))


def call(verb, adata, config):
    quick = {"preset": "fast", "n_dims": 4, "n_groups": 2} if verb == "embed" else {"score": False}
    getattr(sigel.tl, verb)(adata, config=config, progress=False, **quick)

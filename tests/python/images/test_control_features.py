"""What is no gene, by its name or its kind, is set apart by every verb, and taken in where asked for."""

from __future__ import annotations

import numpy as np
import pytest

import sigel
from sigel.config import ImageConfig
from sigel.images import GeneImages

SMALL = {"n_rows": 14, "n_cols": 14, "n_programmes": 3, "genes_per_programme": 12, "n_background_genes": 20}
CONTROLS = (
    "NegControlProbe_00042",
    "NegControlCodeword_0500",
    "NegPrb3",
    "SystemControl12",
    "Blank-1",
    "BLANK_0006",
    "UnassignedCodeword_0001",
    "DeprecatedCodeword_0321",
    "Intergenic_Region_1",
    "antisense_PROKR2",
)
MITOCHONDRIA = ("mt:CoI", "GRCh38-MT-CO1", "GRCh38_MT-ND1", "MT.CO1", "mt-Nd7x", "ENSG00000198888.2")
GENES = ("MT1A", "MTOR", "Mtor", "BLNK", "NEGR1", "Blank", "ENSG00000198889", "SYS1", "CTRL", "Mt1", "DEPDC5")


@pytest.fixture
def section():
    return sigel.datasets.simulated_section(seed=0, lattice="cells", **SMALL)


def renamed(adata, names):
    made = adata.copy()
    made.var_names = [*names, *adata.var_names[len(names) :]]
    return made


def statuses(adata, **options):
    table = sigel.tl.spatial_genes(adata, score=False, progress=False, **options)
    return table["status"]


@pytest.mark.parametrize("spelt", [str, lambda name: name.replace("_", "-")])
def test_controls_and_mitochondria_are_known_by_their_names(section, spelt):
    others = [spelt(name) for name in (*CONTROLS, *MITOCHONDRIA)]
    named = renamed(section, others)
    found = statuses(named)
    assert (found[others] == "excluded by name").all()
    taken = statuses(named, config={"exclude": ()})
    assert not (taken[others] == "excluded by name").any()


def test_genes_with_names_like_theirs_stay(section):
    found = statuses(renamed(section, GENES))
    assert not (found[list(GENES)] == "excluded by name").any()


def test_features_of_another_kind_are_set_apart(section):
    section.var["feature_types"] = ["Antibody Capture"] * 5 + ["Gene Expression"] * (section.n_vars - 5)
    images = GeneImages.from_anndata(section)
    assert list(images.status[:5]) == ["excluded by name"] * 5
    alone = GeneImages.from_anndata(section[:, 5:])
    np.testing.assert_array_equal(images.depth, alone.depth)
    section.obs["side"] = np.where(np.arange(section.n_obs) % 2, "a", "b")
    both = GeneImages.from_anndata(section, section_key="side")
    assert list(both.status[:5]) == ["excluded by name"] * 5
    taken = GeneImages.from_anndata(section, ImageConfig(exclude=()))
    assert "excluded by name" not in taken.status
    section.var["feature_types"] = "Antibody Capture"
    assert "excluded by name" not in GeneImages.from_anndata(section).status[:5]


@pytest.mark.parametrize("by", ["name", "kind"])
def test_controls_take_no_part_in_domains(section, by):
    loud = section.copy()
    loud.X = section.X.toarray()
    loud.X[:, :3] = 200 * (np.random.default_rng(0).random((section.n_obs, 3)) < 0.5)
    if by == "name":
        loud = renamed(loud, CONTROLS[:3])
    else:
        loud.var["feature_types"] = ["Blank"] * 3 + ["Gene Expression"] * (section.n_vars - 3)
    quiet = loud.copy()
    quiet.X[:, :3] = quiet.X[:, :3].sum(axis=1, keepdims=True) / 3  # the library stays
    for adata in (loud, quiet):
        sigel.tl.domains(adata, 3, config={"windows": (1, 4), "starts": 2}, progress=False)
    assert (loud.obs["sigel_domain"] == quiet.obs["sigel_domain"]).all()


def test_controls_of_a_reference_are_not_imputed():
    small = {**SMALL, "genes_per_programme": 24}
    target, reference, _ = sigel.datasets.simulated_panel(seed=0, **small)
    lacking = [gene for gene in reference.var_names if gene not in set(target.var_names)][:2]
    spelt = dict(zip(lacking, ("NegPrb1", "Blank-7"), strict=True))
    reference.var_names = [spelt.get(gene, gene) for gene in reference.var_names]
    imputed = sigel.tl.impute(target, reference, progress=False)
    assert not {"NegPrb1", "Blank-7"} & set(imputed.var_names)

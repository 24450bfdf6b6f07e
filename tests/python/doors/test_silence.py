"""Nothing is said where nothing was asked for: verbs with `progress=False`, readers and writers, commands."""

from __future__ import annotations

import inspect
import warnings

import pytest

import sigel
from sigel.config.domains import DomainConfig
from sigel.config.imputation import ImputeConfig

SIZE = {"n_rows": 14, "n_cols": 14, "n_programmes": 3, "genes_per_programme": 20, "n_background_genes": 30}
FEW = DomainConfig(starts=1, windows=(1, 7), components=(8, 20))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What the verbs are asked of, made once."""
    section = sigel.datasets.simulated_section(seed=0, **SIZE)
    sigel.tl.embed(section, preset="fast", n_groups=3, progress=False)
    sigel.tl.domains(section, 3, config=FEW, progress=False)
    target, reference, _ = sigel.datasets.simulated_panel(n_panel=45, **SIZE)
    cohort = sigel.datasets.simulated_cohort((2, 2), n_changed=6, **SIZE)
    folder = tmp_path_factory.mktemp("silence")
    return {
        "section": section,
        "target": target,
        "reference": reference,
        "cohort": cohort,
        "folder": folder,
        "file": folder / "section.h5ad",
    }


def sets(section):
    return {name: list(part.index) for name, part in section.var.groupby("programme", observed=True)}


def imputed(made, **options):
    few = ImputeConfig(folds=2)
    return sigel.tl.impute(made["target"], made["reference"], config=few, progress=False, **options)


def compared(made, **_):
    return sigel.tl.compare_imputed(imputed(made), "region", first="ring", n_draws=2)


VERBS = {
    "compare_imputed": compared,
    "disease_genes": lambda made, **quiet: sigel.tl.disease_genes(
        made["cohort"], "condition", donor="donor", **quiet
    ),
    "domain_stability": lambda made, **quiet: sigel.tl.domain_stability(made["section"], n_seeds=2, **quiet),
    "domains": lambda made, **quiet: sigel.tl.domains(made["section"], 3, config=FEW, **quiet),
    "embed": lambda made, **quiet: sigel.tl.embed(
        made["section"],
        config={"train": {"pretrain_epochs": 2, "refine_epochs": 2}, "encoder": {"depth": 1, "dim": 16}},
        save=made["folder"] / "model",
        key_added="trained",
        **quiet,
    ),
    "gene_groups": lambda made: sigel.tl.gene_groups(made["section"], n_groups=2, key_added="two"),
    "gene_interactions": lambda made, **quiet: sigel.tl.gene_interactions(
        made["cohort"], partners_of=["Gene0001"], **quiet
    ),
    "genes_as_obs": lambda made: sigel.tl.genes_as_obs(made["section"]),
    "group_enrichment": lambda made: sigel.tl.group_enrichment(made["section"], sets(made["section"])),
    "group_stability": lambda made, **quiet: sigel.tl.group_stability(made["section"], n_seeds=2, **quiet),
    "impute": lambda made, **_: imputed(made, out=made["folder"] / "imputed.h5ad"),
    "label_domains": lambda made, **quiet: sigel.tl.label_domains(
        made["section"], made["section"].copy(), key_added="labelled", config=FEW, **quiet
    ),
    "pattern_genes": lambda made, **quiet: sigel.tl.pattern_genes(
        made["section"], "region", {"ring": 0.9}, n_null=5, **quiet
    ),
    "select_genes": lambda made, **quiet: sigel.tl.select_genes(made["section"], **quiet),
    "similar_genes": lambda made: sigel.tl.similar_genes(made["section"], "Gene0001"),
    "spatial_genes": lambda made, **quiet: sigel.tl.spatial_genes(made["section"], **quiet),
}


def silently(call, capfd):
    """Run it; nothing came out, warnings and the descriptors of the process included."""
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        call()
    assert capfd.readouterr() == ("", "")
    return [one for one in told if not issubclass(one.category, UserWarning)]


def test_every_verb_is_walked():
    assert set(VERBS) == {name for name in dir(sigel.tl) if not name.startswith("_")}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_without_progress_says_nothing(verb, made, capfd):
    takes = "progress" in inspect.signature(getattr(sigel.tl, verb)).parameters
    assert silently(lambda: VERBS[verb](made, **{"progress": False} if takes else {}), capfd) == []


def test_files_are_read_and_written_in_silence(made, capfd):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    folder, section = made["folder"], made["section"]
    pairs = sigel.tl.gene_interactions(section, partners_of=["Gene0001"], progress=False)
    imputed(made, out=folder / "read.h5ad")
    section.write_h5ad(made["file"])

    def call():
        sigel.io.describe(made["file"])
        sigel.io.read(made["file"])
        sigel.io.read_imputed(folder / "read.h5ad")
        sigel.io.write_network(pairs, folder / "pairs.graphml")
        sigel.report.write_report(section, folder / "report.html", method="pca")

    silently(call, capfd)


@pytest.mark.nightly
def test_commands_put_nothing_but_their_table_on_standard_output(run, files, tmp_path):
    for name, words in {
        "embed": ("--preset", "fast", "--n-groups", "4", "--n-dims", "8"),
        "domains": ("--n-domains", "3", "--config", '{"starts": 1, "windows": [1, 7], "components": [8]}'),
        "genes": (),
        "groups": ("--n-groups", "2"),
    }.items():
        input = files / ("embedded.h5ad" if name == "groups" else "section.h5ad")
        said = run(name, input, "-o", tmp_path / f"{name}.h5ad", *words)
        assert (said.code, said.out) == (0, ""), said
        quiet = run(name, input, "-o", tmp_path / f"{name}.h5ad", "--force", "--quiet", *words)
        assert (quiet.code, quiet.out, quiet.err) == (0, "", ""), quiet
    said = run("genes", files / "section.h5ad", "-o", "-", "--quiet")
    assert said.err == ""
    rows = said.out.splitlines()
    assert rows[0].startswith("gene\t")
    assert {line.count("\t") for line in rows} == {rows[0].count("\t")}

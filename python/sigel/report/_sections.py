"""Parts of a page that stand on a result each: pictures and tables, or what makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from sigel import pl
from sigel.config.report import ReportConfig
from sigel.errors import InputError
from sigel.pl._base import CALLED
from sigel.report._calls import Calls
from sigel.report._figures import Picture, picture
from sigel.report._found import Found
from sigel.report._tables import Table, number, p_value, written


class Absent(NamedTuple):
    """What is not there, in a sentence, and the call that makes it; empty where none does."""

    said: str
    call: str = ""


@dataclass(frozen=True)
class Part:
    """Pictures and tables of one result.

    Parameters
    ----------
    pictures, tables
        What there is.
    absent
        What is not there.
    """

    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)


def training_of(found: Found, calls: Calls) -> Part:
    """Training curves."""
    if found.representations is None:
        return Part(absent=[Absent("Nothing was embedded.", calls["embed"])])
    history = found.info.get("history")
    if not history:
        return Part(absent=[Absent("The object does not hold how training went.")])
    stage = np.asarray(history["stage"]).astype(str) if "stage" in history else np.array([])
    if "loss" not in history or not np.isin(stage, ["eigenimages", "groups"], invert=True).any():
        return Part(absent=[Absent("Nothing was trained.")])
    drawn = picture(
        lambda: pl.history(found.adata, key=found.keys.base),
        alt="Training curves: the loss and its terms by epoch, a panel each.",
        read="A panel a quantity, epochs across, a colour for each stage: a loss that falls and then stays "
        "level has been trained for long enough.",
        beware="A low loss is no proof of good representations: whether training helped is said by the genes "
        "held out, in the table of quality.",
    )
    return Part(pictures=[drawn])


def spatial_of(found: Found, config: ReportConfig, calls: Calls) -> Part:
    """Genes whose pattern is clearest."""
    table = found.spatial
    if table is None or not np.isfinite(table["rank"]).any():
        return Part(absent=[Absent("No spatial genes were looked for.", calls["spatial_genes"])])
    first = table[np.isfinite(table["rank"])].sort_values("rank", kind="stable").head(config.n_top)
    log = first["log_pval"].to_numpy()
    rows = [
        [number(rank), number(score), number(effect), p_value(p, one), p_value(q)]
        for rank, score, effect, p, one, q in zip(
            *(first[name] for name in ("rank", "score", "effect", "pval")), log, first["qval"], strict=True
        )
    ]
    if found.group is not None:
        rows = [[*row, found.group[k] or "–"] for row, k in zip(rows, first.index, strict=True)]
    listed = Table(
        f"The first {len(rows)} of {found.n_tested:,} tested genes; {found.n_called:,} have q < {CALLED:g}",
        ["rank", "score (z)", "effect", "p", "q", *(["group"] if found.group is not None else [])],
        rows,
        genes=[str(found.names[k]) for k in first.index],
        note="Effect is the share of a gene's variance that neighbouring pixels have in common, 0 to 1; the "
        "score is the distance from null images of genes of its level, 0 without a pattern. A small p-value "
        "with a small effect is a faint pattern of a frequent gene; damage and folds of the tissue are "
        "patterns, too.",
    )
    drawn = picture(
        lambda: pl.spatial_genes(found.adata, key=found.keys.base),
        alt="A dot for each gene: share of spatial variance across, score up; called genes in colour.",
        read="A dot is a gene; across stands how much of its variance is spatial, up how sure that is, and "
        f"genes with q < {CALLED:g} are coloured.",
        beware="Where most genes are called the section has few regions, or depth follows the tissue: then "
        "go by the effect.",
    )
    return Part(pictures=[drawn], tables=[listed])


def stability_of(found: Found, calls: Calls) -> Part:
    """Groups over seeds."""
    if "stability" not in found.info:
        said = Absent("How stable the groups are was not tried.", calls["group_stability"])
        return Part(absent=[said] if found.group is not None else [])
    drawn = picture(
        lambda: pl.group_stability(found.adata, key=found.keys.base),
        alt="Stability of each group over the fits at other seeds, the most stable first.",
        read="A dot is the mean over fits of the Jaccard index with the most similar group, the line goes "
        "down to the worst fit: above 0.75 a group is found again, below 0.5 it is dissolved.",
        beware="Few seeds say little, and a group that comes back need not be one that biology knows.",
    )
    return Part(pictures=[drawn])


def domains_of(found: Found, calls: Calls) -> Part:
    """Domains on the tissue, and over seeds."""
    told = found.domains
    if told is None:
        return Part(absent=[Absent("No domains were looked for.", calls["domains"])])
    key = found.keys.base
    n = found.adata.obs[found.keys.domain].nunique()
    prob, votes = found.keys.domain_prob, str(told.get("method", "")) == "mixture"
    has_prob = prob in found.adata.obs and found.adata.obs[prob].notna().any()
    seen_in = "in how many partitions" if votes else "with what probability"
    drawn = [
        picture(
            lambda: pl.domains(found.adata, key=key),
            alt=f"The tissue with its {n} domains, a colour each.",
            read="Each spot lies at its place on the section and has the colour of its domain; the legend "
            "has the number of spots.",
            beware="The border of two domains is a decision where tissue changes by degrees"
            + (f": see {seen_in} a spot is where it is." if has_prob else "."),
        )
    ]
    # Where all agree on every spot there is nothing to be seen.
    if has_prob and found.adata.obs[prob].nunique() > 1:
        words = _SHARE if votes else _POSTERIOR
        drawn.append(picture(lambda: pl.domains(found.adata, key=key, color=prob, histology=False), **words))
    absent: list[Absent] = []
    if told.get("stability") is not None and found.keys.domain_stability in found.adata.obs:
        drawn.append(
            picture(
                lambda: pl.domain_stability(found.adata, key=key),
                alt="Stability of each domain over seeds, and of each spot.",
                read="Left, as for groups of genes: above 0.75 a domain is found again; right, the share of "
                "the seeds in which a spot kept its domain.",
                beware="Few seeds say little, and another number of domains is not tried.",
            )
        )
    elif str(told.get("method")) != "reference":
        absent = [Absent("How stable the domains are was not tried.", calls["domain_stability"])]
    return Part(pictures=drawn, absent=absent)


# Of the number beside each domain: a share of partitions for mixtures, a posterior for other methods.
_SHARE = {
    "alt": "The tissue with the share of partitions that put each spot in its domain.",
    "read": "Bright spots are in their domain in most partitions, dark ones in few.",
    "beware": "Partitions of one method agree on its mistakes, too.",
}
_POSTERIOR = {
    "alt": "The tissue with the probability of each spot's domain.",
    "read": "Bright spots are in their domain with a high probability, dark ones may be in another.",
    "beware": "A probability is that of a model: where the model does not fit, it is sure and wrong.",
}


def disease_of(table: pd.DataFrame | None, config: ReportConfig, calls: Calls) -> Part:
    """Genes that change between conditions, of a table that was given."""
    if table is None:
        said = "No table of genes that change between conditions was given."
        return Part(absent=[Absent(said, calls["disease_genes"])])
    wanted = ("effect", "pval", "qval", "level_effect", "level_qval", "n_donors", "status")
    columns = [name for name in wanted if name in table]
    first = table.head(config.n_top)
    called = int((table["qval"] < CALLED).sum())
    listed = Table(
        f"The first {len(first)} of {len(table):,} genes; {called:,} change pattern with q < {CALLED:g}",
        [name.replace("_", " ") for name in columns],
        written(first, columns),
        genes=[str(name) for name in first.index],
        note="Effect is the length of the change of a gene's representation, 1 the usual distance of two "
        "genes; the level is changed apart from the pattern (log2). With few donors a condition, or where "
        "other labellings of the donors call as many genes, q-values are not to be trusted. Images are those "
        "of this section alone.",
    )
    drawn = []
    if "map" in table.attrs and table["qval"].notna().any():
        drawn.append(
            picture(
                lambda: pl.gene_changes(table),
                alt="Genes by their pattern, with arrows from the first condition to the last.",
                read="A dot is a gene in the first condition, near others of like pattern; an arrow leads a "
                "called gene to where it lies in the last.",
                beware="Two directions of many are shown: a short arrow may be a long way in others.",
            )
        )
    if table.attrs.get("calibration") and len(pd.DataFrame(table.attrs["calibration"])):
        drawn.append(
            picture(
                lambda: pl.disease_calibration(table),
                alt="Genes called by the labels as given, beside other labellings of the donors.",
                read="A dot is a labelling of the donors; labels that tell something stand right of the "
                "others on the left.",
                beware="Where other labellings call as many genes, or there are few of them, the labels say "
                "nothing that donors do not.",
            )
        )
    return Part(pictures=drawn, tables=[listed])


def checked_table(table: object) -> pd.DataFrame | None:
    """A table of `sigel.tl.disease_genes`, or None.

    Parameters
    ----------
    table
        What a caller gave.

    Raises
    ------
    InputError
        When it is something else.
    """
    if table is None:
        return None
    needed = {"effect", "level_effect", "pval", "qval"}  # the second is in no table of one section
    if not isinstance(table, pd.DataFrame) or not needed <= set(table) or not len(table):
        found = f"a {type(table).__name__}" + (" without its columns" * isinstance(table, pd.DataFrame))
        fix = "Pass the table that sigel.tl.disease_genes returned."
        wanted = "columns effect, level_effect, pval and qval, a row a gene"
        raise InputError("disease_genes", found, wanted, fix)
    if not table.columns.is_unique:
        twice = str(table.columns[table.columns.duplicated()][0])
        raise InputError("disease_genes", f"two columns {twice!r}", "each column once", "Drop one of them.")
    made = table.copy()
    for name in {"effect", "pval", "qval", "level_effect", "level_qval", "n_donors"} & set(table):
        made[name] = pd.to_numeric(table[name], errors="coerce")
        if (made[name].isna() & table[name].notna()).any():
            fix = "Pass the table that sigel.tl.disease_genes returned."
            raise InputError("disease_genes", f"{name!r} that is no number", "numbers", fix)
    return made

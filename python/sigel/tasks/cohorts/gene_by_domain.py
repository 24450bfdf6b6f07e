"""One gene in the domains that sections share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sigel.errors import InputError
from sigel.tasks.cohorts.design import donors_of
from sigel.tasks.cohorts.find import Sections
from sigel.tasks.cohorts.one_gene import by_number, conditions_in_order, see_gene


def gene_by_domain(
    sections: Sections,
    gene: str,
    condition: pd.Series,
    donor: pd.Series | None,
    domains: Sequence[pd.Series],
) -> pd.DataFrame:
    """The level of a gene in each domain of each donor.

    Parameters
    ----------
    sections, gene, condition, donor
        As in `gene_panels`.
    domains
        Of the spots of each section; missing values and empty text: none.

    Returns
    -------
    pandas.DataFrame
        `domain`, `condition` (categories in their order), `donor`, and `level`: log of 1 + counts at the
        median depth, spots of a donor pooled. Domains that sections of all conditions have.

    Raises
    ------
    InputError
        When there is no such domain.
    """
    donor = donors_of(condition, donor)
    condition, order = conditions_in_order(condition)
    seen = see_gene(sections, gene)
    rows: list[pd.DataFrame] = []
    for at, (name, labels) in enumerate(zip(sections.names, domains, strict=True)):
        counts = seen.counts[at]
        if counts is None:
            continue
        text = labels.astype(object).where(labels.notna(), "").astype(str).to_numpy()
        spots = pd.DataFrame({"domain": text, "counts": counts, "library": seen.library[at]})
        spots = spots[spots["domain"] != ""].groupby("domain", as_index=False).sum()
        rows.append(spots.assign(condition=condition[name], donor=donor[name]))
    table = pd.concat(rows).groupby(["domain", "condition", "donor"], as_index=False).sum()
    table = _shared(table[table["library"] > 0], order, domains)
    table["level"] = np.log1p(seen.depth * table["counts"] / table["library"])
    return table[["domain", "condition", "donor", "level"]]


def _shared(table: pd.DataFrame, conditions: list[str], given: Sequence[pd.Series]) -> pd.DataFrame:
    """Rows of the domains that all conditions have, in the order of domains and conditions."""
    there = [level for level in conditions if (table["condition"] == level).any()]
    n = table.groupby("domain")["condition"].nunique()
    shared = set(n.index[n == len(there)])
    if not shared:
        found = f"no label that all of {len(conditions)} conditions have"
        fix = "Find domains of all sections together, for example by section_key of sigel.tl.domains."
        raise InputError("domain_key", found, "domains that sections share", fix)
    table = table[table["domain"].isin(shared)]
    return table.assign(
        domain=pd.Categorical(table["domain"], _in_order(shared, given)),
        condition=pd.Categorical(table["condition"], conditions),
    ).sort_values(["domain", "condition", "donor"], ignore_index=True)


def _in_order(shared: set[str], given: Sequence[pd.Series]) -> list[str]:
    """Domains in the order of the categories where all sections have the same, else of their names."""
    kinds = {one.dtype for one in given}
    if len(kinds) == 1 and isinstance(given[0].dtype, pd.CategoricalDtype):
        return [name for name in map(str, given[0].cat.categories) if name in shared]
    return sorted(shared, key=by_number)

"""One gene in the sections of a cohort, for R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sigel.bridge._cohort import cohort_of, series_of
from sigel.bridge._pieces import columns, pixels_on, whole_numbers
from sigel.config import ImageConfig
from sigel.stats.scaling import shown_limits
from sigel.tasks.cohorts.design import against
from sigel.tasks.cohorts.gene_by_domain import gene_by_domain
from sigel.tasks.cohorts.gene_panels import gene_panels
from sigel.tasks.cohorts.shared_frame import mean_images


def disease_gene(
    *,
    sections: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    joined: bool,
    gene: str,
    condition: Mapping[str, Any],
    settings: dict[str, Any],
    control: str | None = None,
    frame: str = "own",
    donor: Mapping[str, Any] | None = None,
    domains: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """What a picture of one gene in a cohort needs; see `sigel.pl.disease_gene`.

    Parameters
    ----------
    sections, names, joined, condition, donor, settings
        As in `sigel.bridge.disease_genes`.
    gene, control, frame
        As in `sigel.pl.disease_gene`.
    domains
        Of the spots of each section, `values` and `levels` like a condition; None: no domains.

    Returns
    -------
    dict
        With `domains`: `table`, its columns as lists, `domains` and `conditions` in their order. Else
        `panels`, each with `title`, `heading`, `row`, `col`, `x`, `y` of its pixels and their `values`, or
        None where the gene was not measured, and `limits` of the colours; with `frame="shared"` means come
        first, then `differences`, panels alike.
    """
    held = cohort_of(sections, names, joined=joined)
    labels = list(held.names)
    of_donor = None if donor is None else series_of(donor, labels)
    given = (held, gene, against(series_of(condition, labels), control), of_donor)
    if domains is not None:
        table = gene_by_domain(*given, [series_of(one) for one in domains])
        order = {name: list(table[name].cat.categories) for name in ("domain", "condition")}
        table = table.astype({"domain": str, "condition": str})
        return {"table": columns(table), "domains": order["domain"], "conditions": order["condition"]}
    config = ImageConfig.from_dict(whole_numbers(settings))
    if frame == "shared":
        found = mean_images(*given, config)
        pixels, first = pixels_on(found.raster), found.conditions[0]
        means = [
            {"title": name, "heading": str(n), "values": values, **pixels}
            for name, n, values in zip(found.conditions, found.n_donors, found.means, strict=True)
        ]
        differences = [
            {"title": f"{name} minus {first}", "heading": "", "values": values, **pixels}
            for name, values in zip(found.conditions[1:], found.differences, strict=True)
        ]
        return {"panels": means, "differences": differences, "limits": shown_limits(found.means)}
    panels = [(block.heading, panel) for block in gene_panels(*given, config) for panel in block.panels]
    measured = [panel.values for _, panel in panels if panel.values is not None]
    return {
        "panels": [
            {"title": panel.title, "heading": heading, "values": panel.values, **pixels_on(panel.raster)}
            for heading, panel in panels
        ],
        "limits": shown_limits(np.concatenate(measured)),
    }

"""Sections with all results, made once, and what is in a report."""

from __future__ import annotations

import functools
import json
import re

import sigel

QUICK = {"train": {"pretrain_epochs": 2, "refine_epochs": 1}, "encoder": {"depth": 1, "dim": 16}}
# Names that would end an element, or run, where they are not escaped.
NASTY = ("</script><img src=x onerror=alert(1)>", "\"'><b>&amp;", "{{ 7 * 7 }}", "\u2028a")


@functools.cache
def _full():
    adata = sigel.datasets.simulated_section(16, 16, 4, 10, 20)
    sigel.tl.embed(adata, n_groups=4, config=QUICK, progress=False)
    sigel.tl.spatial_genes(adata, progress=False)
    quick = {"starts": 1, "windows": [4], "components": [8]}
    sigel.tl.domains(adata, 3, config=quick, progress=False)
    sigel.tl.domain_stability(adata, n_seeds=1, progress=False)
    sigel.tl.group_stability(adata, n_seeds=1, progress=False)
    return adata


def full_section():
    """A section with every result that is stored."""
    return _full().copy()


def quick_section():
    """The same, but for what its pictures take most time: training and stability."""
    adata = full_section()
    del adata.uns["sigel"]["history"], adata.uns["sigel"]["stability"]
    del adata.uns["sigel"]["domains"]["stability"]
    return adata


def nasty_section():
    """The same with names of genes, spots, columns and groups that are markup."""
    adata = quick_section()
    names = adata.var_names.tolist()
    first = adata.var["sigel_spatial_rank"].argsort().to_numpy()[: len(NASTY)]
    for at, name in zip(first, NASTY, strict=True):
        names[at] = name
    adata.var_names = names
    adata.uns["sigel_commands"] = [json.dumps({"command": NASTY[0], "finished": NASTY[1], "wall_time": 1.0})]
    return adata


def data_in(page: str) -> dict:
    """What the script of a page reads."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    return json.loads(found)


def without_date(page: str) -> str:
    return re.sub(r"<time>[\d-]+</time>", "", page)

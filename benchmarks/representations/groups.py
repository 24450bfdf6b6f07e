"""Gene groups of real sections: published layers, another donor, the other half of the counts, gene sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import adjusted_mutual_info_score

import sigel
from benchmarks.harness import sections
from benchmarks.harness.job import Job
from benchmarks.harness.processes import python_with
from benchmarks.harness.report import Table, say
from benchmarks.harness.sigel_rows import QUICK_SECTION
from benchmarks.representations import hotspot_modules
from benchmarks.representations.enriched_groups import n_enriched
from benchmarks.representations.gene_sets import FOLDER
from benchmarks.representations.group_methods import OURS, Fit, grouped
from benchmarks.representations.layer_markers import ami_with_markers, layer_markers
from sigel.keys import NO_PATTERN

# Section, the one of another donor (or a neighbour), species ("": too few genes for gene sets), and whether
# settings were chosen on it.
SECTIONS = [
    ("dlpfc_151674", "dlpfc_151675", "human", "chosen on"),
    ("st_mousebrain_hippo1", "st_mousebrain_hippo2", "mouse", "chosen on"),
    ("seqfish_mouse_embryo2", "", "mouse", "chosen on"),
    ("st_breast_layer2_full", "", "human", "chosen on"),
    ("starmap_v1_BY3_1k", "", "mouse", "chosen on"),
    ("st_mliver_CN65_D1", "", "mouse", "judged on"),
    ("mob_rep11", "", "mouse", "judged on"),
    ("dlpfc_151510", "dlpfc_151674", "human", "judged on"),
    ("RA3_1", "RA3_2", "human", "judged on"),
    ("osmfish_sscortex", "", "", "chosen on"),
]
SURE = 0.9
BINS = (0.3, 0.5, 0.7, 0.9)
NOTE = (
    "Spatial genes: q < 0.05. Largest: share of them in the largest numbered group. AMI: adjusted mutual "
    "information, with the layer of published markers, and with the groups of the other section. Kept: "
    "of spatial genes whose "
    "posterior is 0.9 or more in one half of the counts, the share whose group, matched by its largest "
    "overlap in the other half of the genes, is that of the other half of the counts (goal 0.85). "
    "Enriched: numbered groups, cut to spatial genes, with a GO, Hallmark or Reactome term "
    "at q < 0.05 and two genes of it, all genes with an image the background. "
    "k-means, Leiden (resolution as scanpy has it) and Hotspot (30 neighbours, danb, the 1,000 genes of the "
    "highest Z) group the spatial genes, the first two by SIGEL's representations."
)


def groups(job: Job) -> list[Table]:
    """A table of sections and methods, and the calibration curve of the posteriors.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        chosen = [(sections.simulated(job.seed, **QUICK_SECTION), None, "", "")]
    else:
        there = [one for one in SECTIONS if sections.there(one[0])]
        chosen = [
            (sections.section(a), sections.section(b) if b and sections.there(b) else None, kind, role)
            for a, b, kind, role in there
        ]
    rows: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    for one, other, species, role in chosen:
        name = one.name
        say(f"groups of {name}")
        mine, theirs = Fit.of(one, job), None if other is None else Fit.of(other, job)
        made = grouped(mine, job)
        across = {} if theirs is None else grouped(theirs, job, slow=False)
        kept, bins = _halves(mine, job)
        for method, labels in made.items():
            row = {"section": name, "role": role, "groups": method} | _figures(mine, labels, species)
            if theirs is not None and method in across:
                row["AMI other section"] = _across(mine, labels, theirs, across[method])
            row["kept"] = kept if method == OURS else None
            rows.append(row)
            say(f"  {method}: " + ", ".join(f"{k} {v:.2f}" for k, v in row.items() if isinstance(v, float)))
        curve += [{"section": name, "role": role} | line for line in bins]
    if python_with(hotspot_modules.PACKAGE) is None:
        say("left out: Hotspot, as no Python has hotspotsc (SIGEL_PEERS names one)")
    return [
        {"title": "gene groups", "note": NOTE, "rows": rows},
        {"title": "calibration", "note": "Posterior in one half, share kept in the other.", "rows": curve},
    ]


def _figures(fit: Fit, labels: np.ndarray, species: str) -> dict[str, Any]:
    spatial, genes = fit.spatial, fit.genes
    names, size = np.unique(labels[spatial & (labels != NO_PATTERN)].astype(str), return_counts=True)
    row: dict[str, Any] = {
        "number": len(names),
        "largest": float(size.max() / spatial.sum()) if len(size) else None,
        "no pattern": float((labels[spatial] == NO_PATTERN).mean()) if spatial.any() else None,
    }
    known = set(layer_markers().index) & set(genes[spatial])
    row["AMI layers"] = ami_with_markers(genes[spatial], labels[spatial]) if len(known) > 20 else None
    row |= {"AMI other section": None, "enriched": None, "kept": None}
    if species and FOLDER.is_dir():
        row["enriched"] = n_enriched(genes, np.where(spatial, labels, NO_PATTERN), species)
    return row


def _across(one: Fit, a: np.ndarray, other: Fit, b: np.ndarray) -> float:
    """AMI of two sections' groups over the genes that are spatial in both."""
    place = {gene: k for k, gene in enumerate(other.genes) if other.spatial[k]}
    rows = [k for k, gene in enumerate(one.genes) if one.spatial[k] and gene in place]
    there = [place[one.genes[k]] for k in rows]
    return float(adjusted_mutual_info_score(a[rows].astype(str), b[there].astype(str)))


def _halves(fit: Fit, job: Job) -> tuple[float | None, list[dict[str, Any]]]:
    """Share of sure genes that keep their group in the other half, and the curve."""
    config = job.config()
    assert config is not None
    adata = fit.section.adata
    counts = sparse.csr_matrix(adata.X).astype(np.int64)
    first = counts.copy()
    first.data = np.random.default_rng(job.seed).binomial(counts.data, 0.5)
    found = []
    for part in (first, counts - first):
        half = adata.copy()
        half.X = sparse.csr_matrix(part, dtype=np.float32)
        half = half[np.asarray(half.X.sum(axis=1)).ravel() > 0].copy()
        images = sigel.GeneImages.from_anndata(half, config.image)
        model = sigel.SIGEL(config, seed=job.seed).fit(images)
        found.append((list(images.genes), model.group_labels, model.group_prob))
    (genes, label, prob), (others, again, _) = found
    spatial = set(fit.genes[fit.spatial])
    place = {gene: k for k, gene in enumerate(others)}
    rows = np.array([k for k, gene in enumerate(genes) if gene in place and gene in spatial], dtype=int)
    if not len(rows):
        return None, []
    label, prob = label[rows], prob[rows]
    again = again[[place[genes[k]] for k in rows]]
    # Groups are matched by one half of the genes and held to it by the other.
    side = np.random.default_rng(job.seed).permutation(len(label)) % 2
    kept = np.zeros(len(label), dtype=bool)
    for mine in (0, 1):
        match = {one: _commonest(again[(label == one) & (side != mine)]) for one in set(label)}
        here = side == mine
        kept[here] = np.array([match[one] for one in label[here]]) == again[here]
    bins = np.digitize(prob, BINS)
    curve = [
        {
            "posterior": float(prob[bins == b].mean()),
            "kept": float(kept[bins == b].mean()),
            "genes": int((bins == b).sum()),
        }
        for b in np.unique(bins)
    ]
    sure = prob >= SURE
    return float(kept[sure].mean()) if sure.any() else None, curve


def _commonest(labels: np.ndarray) -> str:
    names, size = np.unique(labels.astype(str), return_counts=True)
    return str(names[size.argmax()]) if len(names) else ""

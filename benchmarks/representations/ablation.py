"""What each part of SIGEL adds: settings changed one by one, on one pair of sections and on planted truth."""

from __future__ import annotations

from typing import Any

import sigel
from benchmarks.harness import sections
from benchmarks.harness.job import Job
from benchmarks.harness.pixels import pca
from benchmarks.harness.report import Table, say
from benchmarks.harness.sections import Method
from benchmarks.harness.sigel_rows import QUICK_SECTION, engine_pixels, offered, with_sigel
from benchmarks.representations.agreement import Pair, agreement10, make_pair
from benchmarks.representations.baselines import PCA_WIENER, chosen
from benchmarks.representations.planted import ari, clustered, sigel_groups

# Nested settings by the name of their row; each is the default with these changed.
ABLATIONS: dict[str, dict[str, Any]] = {
    "Modules I, II and III (default)": {},
    "Module I alone": {"train": {"refine_epochs": 0}},
    "eigenimages alone": {"encoder": {"branch": False}},
    "transformer alone": {"encoder": {"start": "random"}},
    "transformer alone, instance contrast": {
        "encoder": {"start": "random"},
        "train": {"contrast_weight": 1.0},
    },
    "with instance contrast": {"train": {"contrast_weight": 1.0}},
    "without instance contrast": {"train": {"contrast_weight": 0.0}},
    "without masked reconstruction": {"train": {"reconstruct_weight": 0.0}},
    "without count thinning": {"train": {"thin": None}},
    "without the groups' pull": {"train": {"cluster_weight": 0.0, "likelihood_weight": 0.0}},
    "without the gene graph": {"train": {"graph_weight": 0.0}},
    "Gaussian mixture": {"mixture": {"density": "gaussian"}},
    "learned centres for the mixture": {"assignment": "dec"},
    "mean pool": {"encoder": {"pool": "mean"}},
    "covariance not spread": {"encoder": {"spread": 0.0}},
    "no eigenimage kept sharp": {"encoder": {"sharp": 0}},
    "pole far away": {"encoder": {"pole": 100.0}},
    "log images": {"image": {"normalize": "log"}},
    "single spots": {"image": {"smooth": 0.0}},
    "smoothed images": {"image": {"smooth": 0.5}},
}
QUICK_ABLATIONS = ("Modules I, II and III (default)", "Module I alone")


def ablation(job: Job) -> list[Table]:
    """Agreement between two sections, seconds for both, and ARI on planted truth, for each setting.

    Parameters
    ----------
    job
        The call.
    """
    config = job.config()
    pair = _pair(job)
    if pair is None:
        return []
    assert config is not None
    truth = sections.simulated(job.seed, **(QUICK_SECTION if job.quick else {}))
    rows = []

    def row(name: str, method: Method, groups: Any) -> None:
        (first, a), (second, b) = (job.runs.get(name, method, s) for s in (pair.first, pair.second))
        found = {"setting": name, "agreement10": agreement10(pair, first, second), "seconds": a + b}
        rows.append(found | {"planted ARI": ari(truth, groups)})
        say(f"  {name:<42} {found['agreement10']:.3f} {found['seconds']:7.1f} s")

    say("ablation")
    linear = {f"PCA {config.n_dims} of the encoder's images": _components(config)}
    linear |= chosen(job.seed, PCA_WIENER)
    for name, method in linear.items():
        row(name, method, clustered(truth, method(truth), job.seed))
    for name in QUICK_ABLATIONS if job.quick else ABLATIONS:
        changed = offered(config, ABLATIONS[name])
        if isinstance(changed, str):
            say(f"left out, {name}: {changed}")
            continue
        method, stored = with_sigel(changed, job.seed), name
        if not ABLATIONS[name]:  # the tables of agreement have this run too
            ((stored, method),) = job.default().items()
        row(stored, method, sigel_groups(truth, changed, job.seed))
        rows[-1]["setting"] = name
    note = "Each row changes the default; groups of PCA are k-means at the true number of programmes."
    title = f"ablation on {pair.first.name} and {pair.second.name}"
    return [{"title": title, "note": note, "rows": rows}]


def _components(config: sigel.SIGELConfig) -> Method:
    return lambda section: pca(engine_pixels(section, config), config.n_dims)


def _pair(job: Job) -> Pair | None:
    if job.quick:
        halves = sections.halves(sections.simulated(job.seed, **QUICK_SECTION), job.seed)
        return make_pair(*halves, n_genes=90, n_bins=2)
    names = sections.ADJACENT[0]
    if not sections.there(*names):
        return None
    return make_pair(*map(sections.section, names))

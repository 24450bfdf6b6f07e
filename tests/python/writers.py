"""Every call that writes, by what it writes, and how to end one early."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

import sigel
from sigel.io._imputed_file import ImputedFile
from sigel.keys import IMPUTATION

SETTINGS = {
    "n_dims": 8,
    "n_groups": 3,
    "encoder": {"depth": 1, "dim": 16},
    "train": {"pretrain_epochs": 2, "refine_epochs": 2, "holdout": 0.0, "tolerance": 0.0},
}


@dataclass(frozen=True)
class Inputs:
    """What calls are given, made once."""

    folder: Path
    section: object
    embedded: object
    panel: tuple
    pairs: object
    model: sigel.SIGEL


@pytest.fixture(scope="session")
def inputs(files):
    read = sigel.io.read
    embedded = read(files / "embedded.h5ad")
    section = read(files / "section.h5ad")
    images = sigel.GeneImages.from_anndata(section)
    return Inputs(
        files,
        section,
        embedded,
        (read(files / "panel.h5ad"), read(files / "reference.h5ad")),
        sigel.tl.gene_interactions(section, genes=section.var_names[:9], progress=False),
        sigel.SIGEL(sigel.SIGELConfig.from_dict(SETTINGS), device="cpu").fit(images),
    )


def command(verb: str, *words: object, read: tuple[str, ...] = ("FILES/embedded.h5ad",)) -> Callable:
    def write(place: Path, given: Inputs) -> None:
        from sigel.cli import main

        named = [str(word).replace("FILES", str(given.folder)) for word in (*read, *words)]
        code = main([verb, *named, "-o", str(place), "--force", "--quiet", "--debug"])
        assert code == 0

    return write


def fit(place: Path, given: Inputs) -> None:
    sigel.tl.embed(given.section.copy(), config=SETTINGS, progress=False, device="cpu", checkpoint=place)


def impute(place: Path, given: Inputs) -> None:
    sigel.tl.impute(*given.panel, out=place, method="representation", progress=False, device="cpu")


def values(place: Path, given: Inputs) -> None:
    """The file of imputed values alone, without the work."""
    n, n_genes = given.section.shape
    made = np.arange(n * n_genes, dtype=np.float32).reshape(n, n_genes) % 7
    with ImputedFile(place, given.section.obs, {"spatial": given.section.obsm["spatial"]}) as file:
        for genes in (slice(0, 40), slice(40, n_genes)):
            file.write(genes, n_genes, X=made[:, genes], lower=made[:, genes] / 2, upper=made[:, genes] * 2)
        file.finish(given.section.var, {IMPUTATION: {"method": "none"}})


def report(place: Path, given: Inputs) -> None:
    sigel.report.write_report(given.embedded, place, method="pca", overwrite=True)


QUICK = ("--preset", "fast", "--n-groups", 4, "--n-dims", 8)
# By the name of the output.
WRITERS: dict[str, Callable[[Path, Inputs], object]] = {
    "embed.h5ad": command("embed", *QUICK, read=("FILES/section.h5ad",)),
    "genes.tsv": command("genes"),
    "genes.json": command("genes"),
    "genes.h5ad": command("genes"),
    "groups.csv": command("groups"),
    "pattern.json": command("pattern", "--region-key", "region", "--levels", "ring=0.9", "--n-null", 0),
    "compare.tsv": command("compare", "--samples", "FILES/samples.csv", "--donor", "donor", read=()),
    "similar.tsv": command("similar", "--genes", "Gene0001"),
    "domains.h5ad": command(
        "domains", "--n-domains", 3, "--config", '{"starts": 1, "windows": [4], "components": [8]}'
    ),
    "interactions.graphml": command("interactions", "--genes", "Gene0001", "Gene0002", "Gene0003"),
    "command.html": command("report", "--method", "pca"),
    "command_impute.h5ad": command(
        "impute",
        "--method",
        "representation",
        "--reference",
        "FILES/reference.h5ad",
        read=("FILES/panel.h5ad",),
    ),
    "values.h5ad": values,
    "values.zarr": values,
    "imputed.h5ad": impute,
    "imputed.zarr": impute,
    "network.graphml": lambda place, given: sigel.io.write_network(given.pairs, place),
    "model": lambda place, given: given.model.save(place),
    "report.html": report,
    "checkpoint": fit,
}


# Calls by their function, of an embedded section.
QUIET = {"progress": False}
VERBS = {
    "embed": lambda a, given: sigel.tl.embed(a, config=SETTINGS, device="cpu", **QUIET),
    "spatial_genes": lambda a, given: sigel.tl.spatial_genes(a, **QUIET),
    "domains": lambda a, given: sigel.tl.domains(a, 3, **QUIET),
    "select_genes": lambda a, given: sigel.tl.select_genes(a, **QUIET),
    "gene_groups": lambda a, given: sigel.tl.gene_groups(a, n_groups=2, key_added="two"),
    "pattern_genes": lambda a, given: sigel.tl.pattern_genes(
        a, region_key="region", levels={"ring": 0.9}, **QUIET
    ),
    "gene_interactions": lambda a, given: sigel.tl.gene_interactions(a, genes=a.var_names[:9], **QUIET),
    "impute": lambda a, given: sigel.tl.impute(*given.panel, method="representation", device="cpu", **QUIET),
}


def content(place: Path) -> object:
    """What is in an output, without dates and seconds; fails where it is not whole."""
    if place.suffix == ".h5ad":
        with h5py.File(place, "r") as file:
            assert {"obs", "var", "uns"} <= set(file)
            return _arrays(file)
    if place.suffix == ".zarr":
        return content_of(sigel.io.read_imputed(place))
    if place.name == "model":
        model = sigel.SIGEL.load(place, device="cpu")
        return model.genes.tolist(), model.representations.tobytes(), model.posterior.tobytes()
    text = place.read_text()
    if place.suffix == ".html":
        assert text.rstrip().endswith("</html>")
        return re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?", "", text)
    return re.sub(r'_time": [\d.]+', "", text)


def content_of(adata: object) -> object:
    return adata.X.tobytes(), adata.layers["lower"].tobytes(), adata.var.to_csv(), adata.obs.to_csv()


def _arrays(file: h5py.File) -> dict[str, bytes]:
    held: dict[str, bytes] = {}

    def keep(name: str, one: object) -> None:
        if isinstance(one, h5py.Dataset) and not name.startswith("uns/"):
            value = one[()]
            held[name] = repr(value.tolist() if isinstance(value, np.ndarray) else value).encode()

    file.visititems(keep)
    return held


def digest(place: Path) -> object:
    """All bytes of a file or folder."""
    if not place.is_dir():
        return place.read_bytes()
    return {
        str(one.relative_to(place)): one.read_bytes()
        for one in sorted(place.rglob("*"))
        if one.is_file() and not any(part.startswith(".") for part in one.relative_to(place).parts[:1])
    }


def forked(work: Callable[[], object]) -> int:
    """Start work in a process of its own; its number."""
    worker = os.fork()
    if worker:
        return worker
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        work()
        code = 0
    finally:
        os._exit(code)


def killed_after(seconds: float, work: Callable[[], object]) -> bool:
    """Whether work was killed before it ended by itself, as it must where there was time."""
    worker = forked(work)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(worker, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return False
        time.sleep(0.0005)
    os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    return os.WIFSIGNALED(status)


def ended(work: Callable[[], object]) -> int:
    """Exit code of work in a process of its own; minus the number of the signal that ended it."""
    _, status = os.waitpid(forked(work), 0)
    return os.waitstatus_to_exitcode(status)


def within_bounds(work: Callable[[], object], *, gigabytes: float = 1.0, seconds: int = 60) -> int:
    """Exit code of work that may not take longer or more memory."""
    import resource

    def bounded() -> None:
        signal.alarm(seconds)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        grown *= 1 if sys.platform == "darwin" else 1024
        assert grown < gigabytes * 1e9, grown

    return ended(bounded)

"""The fitted model: gene images in, representations and groups out, saved as JSON and safetensors."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sigel._version import __version__
from sigel.config import SIGELConfig
from sigel.errors import InputError, NotFittedError, number_of
from sigel.images import GeneImages
from sigel.images.raster import Raster
from sigel.images.tensors import ImageViews, View
from sigel.model.canvas_places import OnCanvas
from sigel.model.files import (
    ModelFiles,
    as_path,
    check_complete,
    damage_refused,
    path_called,
    read_model,
    write_model,
)
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.encoder.patches import Patches
from sigel.runtime.device import is_main, n_processes, resolve_device
from sigel.runtime.foreseen import lost_processes_told
from sigel.runtime.progress import Progress
from sigel.runtime.provenance import provenance
from sigel.runtime.seeds import check_seed, streams, torch_stream
from sigel.training.checkpoint import Checkpoint
from sigel.training.groups import Assignment, names_of_groups, new_assignment, posterior_of
from sigel.training.memory_estimate import FitSize
from sigel.training.preflight import check_memory
from sigel.training.trainer import Trainer

# Genes that all of several sections must have.
LEAST_SHARED = 20
# Of a saved model: a side in pixels, and weights beside those that its file holds.
_LARGEST_PATCH, _SPARED = 4000, 10**8


class SIGEL:
    """SIGEL: gene representations from gene images.

    Parameters
    ----------
    config
        Settings; default `SIGELConfig()`.
    seed
        One whole number from which every stage draws its own random stream.
    device
        `"auto"`, `"cpu"`, `"cuda"` or `"cuda:1"`; resolved here, once.

    Attributes
    ----------
    genes : numpy.ndarray
        Names of the embedded genes, `(n_genes,)`.
    representations : numpy.ndarray
        float32 `(n_genes, n_dims)`, each of length `sqrt(n_dims)`.
    posterior : numpy.ndarray
        float32 `(n_genes, n_groups)`, rows sum to 1, groups from many genes to few; genes without a pattern,
        where there are any, have the last column.
    sections : tuple of str
        Names of the sections, empty where there was one.
    section_representations : numpy.ndarray
        float32 `(n_sections, n_genes, n_dims)`: what each section alone says of a gene, in the space of
        `representations`; NaN where the gene has no image in it. Empty for one section.
    history : list of dict
        One entry per epoch: stage, epoch, loss and its terms, seconds; in Module I also `held_out`, the loss
        on genes that it does not learn from, and at its end `held_out_start`, that of the eigenimages alone,
        and `kept_epoch`, 0 where training did not help; in refinement `neighbors`, how well genes held out
        are foretold by those near them, `neighbors_start` and `kept_epoch` likewise. `eigenimages` and
        the first `groups` have an entry with their seconds; that of `groups` has `foretold` where it
        chose the number: how well genes of a group foretell values of each other, a correlation.
    bic : dict
        BIC by number of groups, where that chose it: `n_groups="auto"`, and more genes than a panel has.

    Notes
    -----
    Module I draws a gene's image `x_g` to a point on a sphere: what the eigenimages say of it (posterior
    means, lifted) and what a masked autoencoder adds, both of length D = `n_dims`::

        z_g = sqrt(D) c_g / |c_g|,    c_g = eigenimages(x_g) + autoencoder(x_g)
        L_r = mean squared error of the hidden patches of one half of the counts,
              predicted from the visible patches of the other half

    Module II is a mixture of Student t components over the genes, fitted by MAP-EM::

        p(z) = sum_k pi_k t(z; mu_k, Sigma_k, nu_k)
        q_gk = pi_k t(z_g; mu_k, Sigma_k, nu_k) / p(z_g)

    Module III moves encoder and mixture by gradient towards a sharpened posterior P, epoch by epoch, each
    after some iterations of EM on all genes::

        p_gk = (q_gk^2 / f_k) / sum_j (q_gj^2 / f_j),    f_k = sum_g q_gk
        L = w_c KL(P || Q) + w_r L_r - w_l mean_g ln p(z_g) / D
            + w_s (ln K - H(f / N)) + w_g exp(-epoch / tau) mean_g z_g . (z_g - sum_j a_gj z_j) / D

    `a` is the graph of mutual nearest genes at the start, H the entropy, and the weights `w` and `tau` are
    those of `TrainConfig`. Genome Biology 2025, 26:287, for the three modules; Peel and McLachlan 2000 for
    the mixture; Xie et al. 2016 for P; He et al. 2022 for masked autoencoders. The eigenimages, the two
    halves of the counts and the sphere's pole are this package's own. Details stand with the classes of
    `sigel.nn`: `Eigenimages`, `MaskedAutoencoder`, `TMixture`, and the losses of `sigel.nn.contrast`.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(seed=0)
    >>> images = sigel.GeneImages.from_anndata(adata)
    >>> config = sigel.SIGELConfig.from_dict({"train": {"pretrain_epochs": 1, "refine_epochs": 1}})
    >>> model = sigel.SIGEL(config).fit(images)
    >>> model.representations.shape[1]
    32
    """

    def __init__(
        self, config: SIGELConfig | None = None, *, seed: int = 0, device: str | torch.device = "auto"
    ) -> None:
        if not isinstance(config, SIGELConfig | None):
            fix = "Use SIGELConfig.from_dict(...)."
            raise InputError("config", f"a {type(config).__name__}", "a SIGELConfig", fix)
        self.config = self._asked = config or SIGELConfig()
        self.device = resolve_device(device)
        self.seed = check_seed(seed)
        self._model: GeneEncoder | None = None
        self._assignment: Assignment | None = None
        self._raster: Raster | None = None
        self.genes: np.ndarray = np.array([], dtype=object)
        self.representations: np.ndarray = np.empty((0, self.config.n_dims), dtype=np.float32)
        self.posterior: np.ndarray = np.empty((0, 0), dtype=np.float32)
        self.sections: tuple[str, ...] = ()
        self.section_representations = np.empty((0, 0, self.config.n_dims), dtype=np.float32)
        self.history: list[dict[str, Any]] = []
        self.bic: dict[int, float] = {}
        self.provenance: dict[str, Any] = {}

    def fit(
        self,
        images: GeneImages,
        *,
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
    ) -> SIGEL:
        """Train Modules I, II and III on the images of one section, or of several on one canvas.

        Parameters
        ----------
        images
            Gene images; their settings take the place of `config.image`.
        progress
            Called as `progress(stage, step, total, text)` after each epoch.
        checkpoint
            Folder that keeps the state after every epoch. A fit with the same settings, seed and data goes
            on from what it holds, to the numbers of a fit that was never interrupted. Where nothing is
            trained (`preset="fast"`) there is nothing to keep.

        Returns
        -------
        SIGEL
            Itself.

        Raises
        ------
        InputError
            When more groups are asked for than there are genes, when memory does not suffice (with the
            setting that would fit), when several sections have fewer than 20 genes in common, or when
            `checkpoint` holds another fit.
        TrainingError
            When the loss stops being finite.
        """
        _check_images(images)
        _check_shared(images)
        started = time.perf_counter()
        random = streams(self.seed)
        # What was asked for, not what an earlier fit made of it.
        grid = Patches.from_raster(images.raster, self._asked.encoder.patch_size)
        encoder = dataclasses.replace(self._asked.encoder, patch_size=grid.patch_size)
        config = dataclasses.replace(self._asked, image=images.config, encoder=encoder)
        size = FitSize(
            n_genes=images.n_genes,
            n_pixels=grid.n_pixels,
            n_patches=grid.n_patches,
            n_counts=images.counts.nnz,
            n_sections=len(grid.parts),
            n_grid=images.raster.largest_grid,
        )
        memory = check_memory(config, self.device, size)
        if progress is not None and is_main():
            progress("memory", 1, 1, memory)
        state = (
            None
            if checkpoint is None
            else self._checkpoint(as_path(checkpoint, "checkpoint"), config, images)
        )
        model = GeneEncoder(encoder, config.n_dims, grid, random["weights"], images.n_genes)
        views = ImageViews(images, self.device)
        with lost_processes_told():
            fit = Trainer(model, views, grid, config, random, self.device, progress, state).run()
        self.config, self._model, self._assignment, self._raster = (
            config,
            model,
            fit.assignment,
            images.raster,
        )
        self.genes, self.representations, self.posterior = images.genes, fit.z, fit.posterior
        self.history, self.bic = fit.history, fit.bic
        self.sections = images.sections
        self.section_representations = self._of_sections(views, images.present)
        seconds = time.perf_counter() - started
        self.provenance = provenance(self.seed, self.device, images.data_hash, seconds)
        self.provenance["values"] = "counts" if images.integer else "fractions"
        return self

    def _checkpoint(self, folder: Path, config: SIGELConfig, images: GeneImages) -> Checkpoint:
        if folder.exists() and not folder.is_dir():
            raise InputError(
                "checkpoint", f"{str(folder)!r}, a file", "a folder, there or not", "Name another."
            )
        identity = {
            "version": __version__,
            "settings": json.dumps(config.to_dict(), sort_keys=True),
            "seed": str(self.seed),
            "device": self.device.type,
            "data": images.data_hash,
            "processes": str(n_processes()),
        }
        return Checkpoint(folder, identity)

    @property
    def groups(self) -> np.ndarray:
        """Most probable group of each gene, int `(n_genes,)`, 1 for the largest; 0: no pattern."""
        self._fitted()
        found = self.posterior.argmax(axis=1) + 1
        return np.where(found > self._n_numbered, 0, found)

    @property
    def group_names(self) -> np.ndarray:
        """Names of the columns of `posterior`: `"1"`, `"2"`, ..., and `"no pattern"` if there is that."""
        self._fitted()
        assert self._assignment is not None
        return np.array(names_of_groups(self._assignment), dtype=object)

    @property
    def group_labels(self) -> np.ndarray:
        """Name of the most probable group of each gene, `(n_genes,)`."""
        return self.group_names[self.posterior.argmax(axis=1)]

    @property
    def _n_numbered(self) -> int:
        self._fitted()
        assert self._assignment is not None
        return len(self._assignment.means)

    @property
    def group_prob(self) -> np.ndarray:
        """Posterior of that group, float32 `(n_genes,)`."""
        self._fitted()
        return self.posterior.max(axis=1)

    @property
    def raster(self) -> Raster:
        """Grid of the section that the model was trained on."""
        self._fitted()
        assert self._raster is not None
        return self._raster

    def _of_sections(self, views: ImageViews, present: np.ndarray | None) -> np.ndarray:
        """Representations of each gene in each section, NaN where it has none."""
        found = np.full((len(self.sections), views.n_genes, self.config.n_dims), np.nan, dtype=np.float32)
        if present is None:
            return found
        for k in range(len(self.sections)):
            rows = torch.from_numpy(np.flatnonzero(present[:, k]))
            seen = (views.section_view(part, k) for part in rows.split(512))
            found[k, rows.numpy()] = self._encoded(seen, self.raster, section=k)
        return found

    def transform(self, images: GeneImages, *, section: str | None = None) -> np.ndarray:
        """Representations of other images, of the same section or of one with another grid.

        Parameters
        ----------
        images
            Gene images made with the settings of the model.
        section
            Of a model of several sections: the name of the one that the images are of, which alone are then
            what a gene is read by. Default: the images are of all the sections of the fit.

        Returns
        -------
        numpy.ndarray
            float32 `(images.n_genes, n_dims)`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            When the images were made with other settings, or are not those of the section or sections.
        """
        self._fitted()
        _check_images(images)
        self.check_settings(images)
        row = {gene: row for row, gene in enumerate(self.genes)}
        known = torch.tensor([row.get(gene, -1) for gene in images.genes], device=self.device)
        views = ImageViews(images, self.device)
        batches = (view._replace(gene=known[view.gene]) for view in views.batches())
        if not self.sections and section is None:
            return self._encoded(batches, images.raster)
        k = self._section_of(images, section)
        if k is None:
            return self._encoded(batches, self.raster)
        place = OnCanvas(self.raster, k, images.raster, self.device)
        return self._encoded((place(view) for view in batches), self.raster, section=k)

    def _section_of(self, images: GeneImages, section: str | None) -> int | None:
        """Number of the section that images are of; None: of all, on the same canvas."""
        known = ", ".join(map(repr, self.sections)) or "one section alone, without a name"
        if section is not None and section not in self.sections:
            fix = "Leave it out." if not self.sections else "Name one of them."
            raise InputError("section", repr(section), f"a section of the model: {known}", fix)
        if section is not None:
            if images.sections:
                found, fix = f"images of {len(images.sections)} sections", "Make images of its spots alone."
                raise InputError("images", found, f"images of section {section!r}", fix)
            return self.sections.index(section)
        mine, theirs = self.raster, images.raster
        if images.sections == self.sections and mine.to_dict() == theirs.to_dict():
            return None
        found = f"images of {len(images.sections) or 1} other section(s)"
        fix = "Name the section that they are of: section=..."
        raise InputError("images", found, f"images of the sections of the model: {known}", fix)

    def check_settings(self, images: GeneImages) -> None:
        """Refuse images that the encoder would misread.

        Parameters
        ----------
        images
            Gene images.

        Raises
        ------
        InputError
            When they were made with other settings than those of the model.
        """
        for name in ("normalize", "scale", "smooth", "clip", "aggregate"):
            mine, theirs = getattr(self.config.image, name), getattr(images.config, name)
            if mine != theirs:
                fix = "Make the images with config=model.config.image."
                raise InputError("images", f"{name}={theirs!r}", f"{name}={mine!r} as in training", fix)

    def encode(self, batches: Iterable[View], raster: Raster, *, section: int | None = None) -> np.ndarray:
        """Representations of images that no section holds, such as null images or a drawn pattern.

        Parameters
        ----------
        batches
            Images with their noise and amplitude, as `ImageViews` makes them; `(n, n_pixels)` each.
        raster
            Grid of their pixels.
        section
            Of a model of several sections: the number of the one that the images are of. They are then read
            as images of their genes there.

        Returns
        -------
        numpy.ndarray
            float32 `(n_images, n_dims)`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        if section is not None:
            return self._encoded(batches, raster, section)
        return self._encoded((view._replace(gene=None) for view in batches), raster)

    def _encoded(self, batches: Iterable[View], raster: Raster, section: int | None = None) -> np.ndarray:
        """Representations of images, whose `gene` counts the genes of the model."""
        model = self._fitted().to(self.device).eval()
        if self.sections and raster is not self.raster and raster.to_dict() != self.raster.to_dict():
            found, wanted = "images on another grid", "images on the canvas of the model's sections"
            raise InputError("images", found, wanted, "Use a model that was fitted to this section alone.")
        grid = Patches.from_raster(raster, self.config.encoder.patch_size).to(self.device)
        with torch.no_grad():
            parts = [model(*view.on(self.device), grid, section) for view in batches]
        return torch.cat(parts).cpu().numpy()

    def predict_groups(self, representations: np.ndarray) -> np.ndarray:
        """Group posteriors of representations.

        Parameters
        ----------
        representations
            `(n, n_dims)`, for example from `transform`.

        Returns
        -------
        numpy.ndarray
            float32 `(n, n_groups)`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            When the shape is another, or values are not finite.
        """
        self._fitted()
        assert self._assignment is not None
        try:
            z = torch.as_tensor(np.asarray(representations, dtype=np.float64))
        except (TypeError, ValueError) as error:
            fix = "Pass what `transform` returned."
            raise InputError("representations", repr(representations)[:60], "numbers", fix) from error
        if z.ndim != 2 or z.shape[1] != self.config.n_dims or not torch.isfinite(z).all():
            lost = int((~torch.isfinite(z)).sum())
            found = f"shape {tuple(z.shape)}" + (f" with {lost} values that are not finite" if lost else "")
            wanted = f"finite numbers, n x {self.config.n_dims}"
            raise InputError("representations", found, wanted, "Pass what `transform` returned.")
        return posterior_of(self._assignment, z).float().numpy()

    def save(self, path: str | Path) -> Path:
        """Write the model to a folder: `config.json`, `weights.safetensors`, `genes.txt`, `raster.json`.

        Parameters
        ----------
        path
            Folder; made if needed. Whatever stops the writing, it holds the earlier model whole or this one:
            `config.json` has the hashes of the other files, and a mixture of two models is never read.

        Raises
        ------
        NotFittedError
            Before `fit`.
        InputError
            When `path` is a file, or cannot be written.
        """
        model = self._fitted()
        assert self._assignment is not None
        path = as_path(path)
        parts = {"encoder": model.state_dict(), "groups": self._assignment.state_dict()}
        tensors = {
            f"{part}.{name}": value.cpu().numpy()
            for part, state in parts.items()
            for name, value in state.items()
        }
        tensors |= {"representations": self.representations, "posterior": self.posterior}
        if self.sections:  # all others are as long as sqrt(n_dims): 0 is none
            tensors["section_representations"] = np.nan_to_num(self.section_representations)
        facts = {
            "seed": self.seed,
            "history": self.history,
            "bic": {str(k): v for k, v in self.bic.items()},
            "provenance": self.provenance,
            "sections": list(self.sections),
        }
        if is_main():
            write_model(path, ModelFiles(self.config, self.genes, self.raster, tensors, facts))
        return path

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "auto", argument: str = "path") -> SIGEL:
        """Read a model folder and check it.

        Parameters
        ----------
        path
            Folder written by `save`.
        device
            As in the constructor.
        argument
            What the caller calls the folder, for messages.

        Raises
        ------
        ModelFormatError
            When files are missing or damaged, or versions, genes or shapes don't fit each other.
        """
        path = as_path(path, argument)
        with path_called(argument):
            check_complete(path)
        device = resolve_device(device)
        with path_called(argument), damage_refused(path):
            files = read_model(path)
            model = cls(files.config, seed=files.facts["seed"], device=device)
            model._restore(files)
        return model

    def _restore(self, files: ModelFiles) -> None:
        """Take over what was read."""
        config, facts = self.config, files.facts
        weights = files.weights("groups")
        n_groups = len(weights.get("logits", weights["means"]))
        self.genes, self._raster = files.genes, files.raster
        self.representations, self.posterior = files.tensors["representations"], files.tensors["posterior"]
        self.sections = tuple(facts["sections"])
        if self.sections:
            found = files.tensors["section_representations"]
            there = found.any(axis=2, keepdims=True)
            self.section_representations = np.where(there, found, np.float32(np.nan))
        _check_sizes(files)
        grid = Patches.from_raster(files.raster, config.encoder.patch_size)

        def made() -> GeneEncoder:
            # The initial weights, which those read replace, may come from any stream.
            return GeneEncoder(
                config.encoder, config.n_dims, grid, torch_stream(0, "weights"), len(self.genes)
            )

        with torch.device("meta"):  # sizes alone
            _check_shapes(made(), files.weights("encoder"))
        self._model = made()
        self._assignment = new_assignment(config, n_groups)
        for part, module in (("encoder", self._model), ("groups", self._assignment)):
            module.load_state_dict({k: torch.from_numpy(v) for k, v in files.weights(part).items()})
        self.history, self.provenance = facts["history"], facts["provenance"]
        self.bic = {int(k): v for k, v in facts["bic"].items()}

    def _fitted(self) -> GeneEncoder:
        if self._model is None:
            msg = "this model has no weights yet; call .fit(images) or SIGEL.load(path) first."
            raise NotFittedError(msg)
        return self._model


def _check_sizes(files: ModelFiles) -> None:
    """Refuse settings that would make more than the weights of their model have room for."""
    encoder, n_weights = files.config.encoder, len(files.tensors)
    if encoder.depth > n_weights or (encoder.patch_size != "auto" and encoder.patch_size > _LARGEST_PATCH):
        raise ValueError("settings of the encoder that are not those of its weights")


def _check_shapes(model: GeneEncoder, weights: dict[str, np.ndarray]) -> None:
    for name, value in model.state_dict().items():
        if name in weights and value.numel() != weights[name].size:
            raise ValueError(f"{name} of shape {weights[name].shape}, wanted {tuple(value.shape)}")
    n = sum(value.numel() for value in (*model.parameters(), *model.buffers()))
    if n > 10 * sum(value.size for value in weights.values()) + _SPARED:
        raise ValueError(f"settings for {n} weights")


def _check_shared(images: GeneImages) -> None:
    """Sections are one space by the genes that all of them have."""
    if images.present is None or images.present.all(axis=1).sum() >= LEAST_SHARED:
        return
    each = ", ".join(
        f"{n} in {name!r}" for name, n in zip(images.sections, images.present.sum(axis=0), strict=True)
    )
    found = (
        f"{number_of(int(images.present.all(axis=1).sum()), 'gene')} with an image in all sections ({each})"
    )
    fix = (
        'Do all name genes alike? Lower min_spots, for example config={"image": {"min_spots": 1}}, '
        "or leave out the section that has few."
    )
    raise InputError("genes", found, f"at least {LEAST_SHARED}", fix)


def _check_images(images: object) -> None:
    if not isinstance(images, GeneImages):
        fix = "Use sigel.GeneImages.from_anndata(adata)."
        raise InputError("images", f"a {type(images).__name__}", "GeneImages", fix)

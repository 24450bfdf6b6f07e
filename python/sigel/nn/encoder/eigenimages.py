"""The linear part of Module I: eigenimages, what is signal along them, and the pole of flat genes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sigel.nn.encoder.covariance import FOLDS, Batches, fit_covariance
from sigel.nn.encoder.part_posterior import Part, each_posterior, part_of, part_posterior
from sigel.nn.encoder.patches import Patches
from sigel.nn.encoder.subspace import signed

# Least signal of a gene in models that have a strength for each, as a share of a typical gene's.
MIN_STRENGTH = 0.02
# Rounding must not turn the sign of what the other genes leave of the prior.
LEAST_LEFT = 0.02
# Decompositions kept for sets of sections: those of one section and every fold, and the most usual sets.
PARTS_KEPT = 32
# Images of the same fold and sections from which a decomposition is worth its time.
IMAGES_ALIKE = 16


class Eigenimages(nn.Module):
    """Posterior means of gene images under a normal prior that all genes share, on a sphere.

    Parameters
    ----------
    n_pixels
        Tissue pixels of the section that it is fitted to.
    rank
        Number of eigenimages.
    n_dims
        Length of a representation.
    n_genes
        Genes that it is fitted to.
    n_sections
        Sections that these pixels are of.

    Notes
    -----
    An image is signal plus noise of known variance `n_g`; the signal has covariance `B diag(l) B'` with
    eigenimages B and spectrum l (`fit_covariance`). The posterior mean h shrinks each score by its
    signal-to-noise ratio (a Wiener filter; empirical Bayes)::

        a_g  = B' x_g,    d_gk = l_k + n_g
        h_gk = a_gk l_k / d_gk - n_g w_g b_gk / d_gk
        w_g  = c (sum_j b_gj a_gj / d_gj) / (1 - c sum_j b_gj^2 / d_gj)

    The second term is for the genes of the fit alone: the covariance holds `c b_g b_g'` of the gene itself,
    noise included, and what is left without it is taken as the prior (Sherman and Morrison 1950), so that a
    gene is read by what all others say. Among thousands of genes it changes nothing, in a panel most.

    It is the best linear autoencoder of noisy images (Vincent et al. 2010 for the general case). The
    filtered image, at its amplitude `m_g` before scaling, is then lifted onto a sphere whose pole is the
    image without a pattern, and the `n_dims` leading directions A over the genes are kept::

        u_g = (m_g h_g, pole) / r_g,    r_g = sqrt(m_g^2 |h_g|^2 + pole^2)
        c_g = A' u_g

    `pole` is a multiple of the median of `m_g |h_g|`. Where patches are hidden, both `x_g` and `n_g` are
    those of the visible pixels, divided by their share of the tissue.

    Of several sections the covariance is that of the genes which all of them have. A gene that some lack, and
    what one section alone says of a gene, is read by the exact posterior of its pixels (`part_posterior`): h,
    and so the representation, is always that of the whole. The prior is then the covariance of the genes of
    other folds.
    """

    basis: Float[Tensor, "n_pixels rank"]
    places: Float[Tensor, "n_pixels 2"]
    spectrum: Float[Tensor, " rank"]
    pole: Float[Tensor, ""]
    axes: Float[Tensor, "rank+1 n_dims"]
    contributions: Float[Tensor, "n_genes+1 rank"]
    share: Float[Tensor, ""]
    same_strength: Float[Tensor, ""]
    present: Bool[Tensor, "n_genes+1 n_sections"]
    roots: Float[Tensor, "n_folds+1 rank rank"]
    fold: Int[Tensor, " n_genes+1"]

    def __init__(self, n_pixels: int, rank: int, n_dims: int, n_genes: int, n_sections: int = 1) -> None:
        super().__init__()
        self.register_buffer("basis", torch.zeros(n_pixels, rank))  # eigenimages, orthonormal columns
        self.register_buffer("places", torch.zeros(n_pixels, 2))  # of its pixels, in shares of the grid
        self.register_buffer("spectrum", torch.zeros(rank))  # variance of the signal along each
        self.register_buffer("pole", torch.ones(()))
        self.register_buffer("axes", torch.zeros(rank + 1, n_dims))
        # b of each gene of the fit; the last row is that of any other image.
        self.register_buffer("contributions", torch.zeros(n_genes + 1, rank))
        self.register_buffer("share", torch.zeros(()))  # c
        self.register_buffer("same_strength", torch.ones(()))  # 0 in models before 0.7
        self.n_sections = n_sections
        if n_sections > 1:  # which genes have an image in which; other images are of all
            self.register_buffer("present", torch.ones(n_genes + 1, n_sections, dtype=torch.bool))
            # Roots of the covariance without each fold, that of all genes last, and which each image has.
            self.register_buffer("roots", torch.zeros(FOLDS + 1, rank, rank))
            self.register_buffer("fold", torch.full((n_genes + 1,), FOLDS))
        self._laid: tuple[Patches, Tensor, float] | None = None
        self._grams: Tensor | None = None
        self._parts: dict[tuple[int, ...], Part] = {}  # by fold and sections, the first made first
        self._seen: dict[int, Tensor] = {}  # by fold

    def on(self, grid: Patches) -> tuple[Float[Tensor, "cells rank"], float]:
        """Eigenimages on the patches of a grid, `(n_patches * patch_size ** 2, rank)`.

        Another grid than that of the fit takes each pixel from the nearest place, as position codes of
        vision transformers are interpolated; the number is what pixels of the fit go to one of the grid.
        """
        if self._laid is None or self._laid[0] is not grid or self._laid[1].device != self.basis.device:
            rows, ratio = self.basis, 1.0  # (n_pixels of the fit, rank)
            if grid.places.shape != self.places.shape or not torch.equal(grid.places, self.places):
                nearest = torch.cat(
                    [torch.cdist(part, self.places).argmin(1) for part in grid.places.split(512)]
                )
                ratio = len(self.places) / len(nearest)
                rows = rows[nearest] * ratio  # (grid.n_pixels, rank)
            padded = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])  # last: off the tissue
            self._laid = (grid, padded[grid.index.reshape(-1)], ratio)
        return self._laid[1], self._laid[2]

    def scores(
        self,
        patches: Float[Tensor, "batch n_patches patch_pixels"],
        noise: Float[Tensor, "batch 1"],
        grid: Patches,
        hidden: Float[Tensor, "batch n_patches"] | None,
    ) -> tuple[Float[Tensor, "batch rank"], Float[Tensor, "batch 1"]]:
        """Scores along the eigenimages `(batch, rank)`, and the variance of their noise `(batch, 1)`.

        Parameters
        ----------
        patches
            Centred images, `(batch, n_patches, patch_size ** 2)`.
        noise
            Variance of the noise of a pixel, `(batch, 1)`.
        grid
            Where patches lie.
        hidden
            `(batch, n_patches)`, 1 where a patch is hidden, else 0; None hides nothing.
        """
        basis, ratio = self.on(grid)
        noise = noise * ratio
        if hidden is not None:
            shown = 1 - hidden  # (batch, n_patches)
            share = (shown @ grid.inside.sum(dim=1, keepdim=True)) / grid.n_pixels  # (batch, 1)
            share = share.clamp_min(1 / grid.n_pixels)  # none: all visible patches may be of other sections
            patches = patches * (shown / share)[..., None]
            noise = noise / share
        return patches.flatten(1) @ basis, noise

    def own(self, gene: Int[Tensor, " batch"] | None, n: int) -> Float[Tensor, "{n} rank"]:
        """What genes of the fit contributed to its covariance, `(n, rank)`; nothing of images of no gene.

        Parameters
        ----------
        gene
            Rows of the genes in the fit, -1 for any other image; None: all are others.
        n
            How many images.
        """
        if gene is None:
            return self.contributions[-1:].expand(n, -1)
        return self.contributions[gene]

    def posterior(
        self,
        scores: Float[Tensor, "batch rank"],
        noise: Float[Tensor, "batch 1"],
        own: Float[Tensor, "batch rank"],
    ) -> Float[Tensor, "batch rank"]:
        """Posterior mean of the signal along the eigenimages, `(batch, rank)`.

        Parameters
        ----------
        scores, noise
            From `scores`.
        own
            From `own`.
        """
        signal = self.spectrum.expand_as(scores)  # (batch, rank)
        if self.same_strength == 0:
            extra = (scores.square() - noise).sum(dim=1, keepdim=True)  # (batch, 1)
            signal = signal * (extra / self.spectrum.sum().clamp_min(1e-12)).clamp_min(MIN_STRENGTH)
        total = (signal + noise).clamp_min(1e-12)
        ratio = own / total  # (batch, rank)
        left = (1 - self.share * (own * ratio).sum(dim=1, keepdim=True)).clamp_min(LEAST_LEFT)
        weight = self.share * (ratio * scores).sum(dim=1, keepdim=True) / left  # (batch, 1)
        return scores * signal / total - noise * weight * ratio

    def lift(
        self, filtered: Float[Tensor, "batch rank"], amplitude: Float[Tensor, "batch 1"]
    ) -> tuple[Float[Tensor, "batch rank+1"], Float[Tensor, "batch 1"]]:
        """Filtered images onto the unit sphere around the pole.

        Parameters
        ----------
        filtered
            `(batch, rank)`.
        amplitude
            Size of the image before it was scaled, `(batch, 1)`.

        Returns
        -------
        lifted, length
            `(batch, rank + 1)` of length 1, and what `filtered` was divided by, `(batch, 1)`.
        """
        scaled = filtered * amplitude  # (batch, rank)
        length = (scaled.square().sum(dim=1, keepdim=True) + self.pole.square()).sqrt()
        return torch.cat([scaled, self.pole.expand(len(scaled), 1)], dim=1) / length, length / amplitude

    def forward(
        self,
        patches: Float[Tensor, "batch n_patches patch_pixels"],
        noise: Float[Tensor, "batch 1"],
        amplitude: Float[Tensor, "batch 1"],
        gene: Int[Tensor, " batch"] | None,
        grid: Patches,
        hidden: Float[Tensor, "batch n_patches"] | None = None,
        section: int | None = None,
    ) -> tuple[Float[Tensor, "batch n_dims"], Float[Tensor, "batch 1"]]:
        """Coordinates `(batch, n_dims)` before they are normalised, and the lengths that `picture` needs.

        Parameters
        ----------
        patches, noise, grid, hidden
            As in `scores`.
        amplitude
            As in `lift`.
        gene
            As in `own`.
        section
            The one section that the images are seen in; None: all that have the gene.
        """
        there = self._there(gene, len(patches), section)
        seen = self.patches_there(gene, grid) if hidden is not None else None
        if hidden is not None and seen is not None:
            hidden = torch.maximum(hidden, 1 - seen)
        scores, noise = self.scores(patches, noise, grid, hidden)
        filtered = self.posterior(scores, noise, self.own(gene, len(scores)))
        if there is not None and hidden is None:
            # Those that a section lacks, whatever others are beside them.
            part = ~there.all(dim=1)
            some = None if gene is None else gene[part]
            seen_in_part = self._seen_in_part(scores[part], noise[part], some, there[part], grid)
            filtered = filtered.index_put((part.nonzero().flatten(),), seen_in_part)
        lifted, length = self.lift(filtered, amplitude)
        return lifted @ self.axes, length

    def patches_there(
        self, gene: Int[Tensor, " batch"] | None, grid: Patches
    ) -> Float[Tensor, "batch n_patches"] | None:
        """1 for the patches of sections that have the gene, else 0; None where all have all.

        Parameters
        ----------
        gene, grid
            As in `forward`.
        """
        there = self._there(gene, 0, None)
        return None if there is None else (there.float() @ grid.in_sections.T > 0).float()

    def _there(
        self, gene: Int[Tensor, " batch"] | None, n: int, section: int | None
    ) -> Bool[Tensor, "batch n_sections"] | None:
        """Sections that images are of; None where all are of all."""
        if section is not None and self.n_sections > 1:
            only = torch.arange(self.n_sections, device=self.basis.device) == section
            return only.expand(n, -1)
        if gene is None or self.n_sections == 1:
            return None
        there = self.present[gene]
        return None if bool(there.all()) else there

    def _seen_in_part(
        self,
        scores: Float[Tensor, "batch rank"],
        noise: Float[Tensor, "batch 1"],
        gene: Int[Tensor, " batch"] | None,
        there: Bool[Tensor, "batch n_sections"],
        grid: Patches,
    ) -> Float[Tensor, "batch rank"]:
        """Posterior means of images that some sections lack, a fold and set of sections at a time."""
        if self._grams is None or self._grams.device != self.basis.device:
            self._grams = torch.stack([self.basis[part].T @ self.basis[part] for part in grid.parts])
            self._parts.clear()
            self._seen.clear()
        filtered = torch.empty_like(scores)
        fold = self.fold[-1].expand(len(scores)) if gene is None else self.fold[gene]
        kinds, kind, size = torch.cat([fold[:, None], there], dim=1).unique(
            dim=0, return_inverse=True, return_counts=True
        )
        many = size >= IMAGES_ALIKE
        for k in many.nonzero().flatten().tolist():
            rows = kind == k
            part = self._part(tuple(kinds[k].tolist()))
            filtered[rows] = part_posterior(part, scores[rows], noise[rows])
        few = ~many[kind]
        for prior in fold[few].unique().tolist():
            rows = few & (fold == prior)
            root, seen = self.roots[prior], self._seen_by(prior)
            filtered[rows] = each_posterior(seen, root, there[rows], scores[rows], noise[rows])
        return filtered

    def _part(self, kind: tuple[int, ...]) -> Part:
        """The pixels of some sections, decomposed; `kind`: the fold, then whether each section is there."""
        assert self._grams is not None
        if kind not in self._parts:
            gram = self._grams[torch.tensor(kind[1:], dtype=torch.bool)].sum(dim=0)
            if len(self._parts) == PARTS_KEPT:
                del self._parts[next(iter(self._parts))]
            self._parts[kind] = part_of(gram, self.roots[kind[0]])
        return self._parts[kind]

    def _seen_by(self, prior: int) -> Float[Tensor, "n_sections rank rank"]:
        """`R G R` of each section, R the root of the covariance without a fold."""
        assert self._grams is not None
        if prior not in self._seen:
            root = self.roots[prior].double()
            self._seen[prior] = root @ self._grams.double() @ root
        return self._seen[prior]

    def picture(
        self, coordinates: Float[Tensor, "batch n_dims"], length: Float[Tensor, "batch 1"], grid: Patches
    ) -> Float[Tensor, "batch n_patches patch_pixels"]:
        """Images that coordinates `(batch, n_dims)` stand for, `(batch, n_patches, patch_size ** 2)`."""
        basis, ratio = self.on(grid)
        filtered = (coordinates @ self.axes.T)[:, :-1] * length  # (batch, rank)
        return (filtered @ basis.T / ratio).reshape(len(coordinates), grid.n_patches, -1)

    @torch.no_grad()
    def fit(
        self,
        batches: Batches,
        places: Float[Tensor, "n_pixels 2"],
        positions: Float[Tensor, "n_pixels 2"],
        spread: Callable[[Tensor], Tensor],
        adjoint: Callable[[Tensor], Tensor],
        *,
        sharp: int,
        prior_genes: float,
        pole: float,
        generator: torch.Generator,
        parts: Sequence[slice] = (slice(None),),
        rows: Int[Tensor, " n_fit"] | None = None,
    ) -> None:
        """Estimate the eigenimages, their spectrum, the pole and the axes from all genes.

        Parameters
        ----------
        batches
            Yields centred images `(n, n_pixels)`, noise `(n, 1)` and amplitude `(n, 1)`; called once for
            each sweep over the genes.
        places
            `(n_pixels, 2)`: where pixels lie, in shares of the grid.
        positions, spread, adjoint, sharp, prior_genes, generator, parts
            As in `fit_covariance`.
        pole
            Distance of the pole, in median lengths of a filtered image.
        rows
            Numbers of the genes of the batches, in their order; default: all.
        """
        self.places.copy_(places)
        self._laid = self._grams = None
        found = fit_covariance(
            batches,
            positions,
            spread,
            adjoint,
            rank=self.basis.shape[1],
            sharp=sharp,
            prior_genes=prior_genes,
            generator=generator,
            parts=parts,
        )
        k = len(found.spectrum)
        self.basis[:, :k], self.spectrum[:k] = found.basis, found.spectrum
        rows = torch.arange(len(found.contributions)) if rows is None else rows
        self.contributions[rows, :k] = found.contributions
        self.share.fill_(found.share)
        if self.n_sections > 1:
            self.fold[rows] = found.fold.to(self.fold)
            for j, covariance in enumerate((*found.without, torch.diag(found.spectrum))):
                values, turn = torch.linalg.eigh(covariance.double())
                at = j if j < len(found.without) else FOLDS
                self.roots[at, :k, :k] = ((turn * values.clamp_min(0).sqrt()) @ turn.T).to(self.roots)
        self._fit_axes(batches, pole, rows)

    def _fit_axes(self, batches: Batches, pole: float, rows: Int[Tensor, " n_fit"]) -> None:
        parts, first = [], 0
        for image, noise, amplitude, *_ in batches():
            own = self.contributions[rows[first : first + len(image)]]
            parts.append(self.posterior(image @ self.basis, noise, own) * amplitude)
            first += len(image)
        scaled = torch.cat(parts)  # (n_genes, rank)
        self.pole.copy_((pole * scaled.norm(dim=1).median()).clamp_min(1e-6))
        lifted = self.lift(scaled, torch.ones_like(scaled[:, :1]))[0].double()
        _values, turn = torch.linalg.eigh(lifted.T @ lifted)
        k = min(self.axes.shape)
        self.axes.zero_()
        self.axes[:, :k] = signed(turn.flip(1)[:, :k]).to(self.axes)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *args: Any) -> None:
        """Models before 0.7 have a strength for each gene, no contributions, no more rank than genes."""
        if f"{prefix}basis" in state and f"{prefix}contributions" not in state:
            for name in ("contributions", "share", "same_strength"):
                state[prefix + name] = torch.zeros_like(getattr(self, name))
            for name in ("basis", "spectrum"):
                padded, old = torch.zeros_like(getattr(self, name)), state[prefix + name]
                padded[..., : old.shape[-1]] = old
                state[prefix + name] = padded
            axes, old = torch.zeros_like(self.axes), state[f"{prefix}axes"]
            axes[: len(old) - 1], axes[-1] = old[:-1], old[-1]
            state[f"{prefix}axes"] = axes
        self._laid = self._grams = None
        super()._load_from_state_dict(state, prefix, *args)

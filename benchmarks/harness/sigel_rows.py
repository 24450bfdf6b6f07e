"""SIGEL as a row of a table: its presets, changed settings, the images that it sees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import sigel
from benchmarks.harness.sections import Method, Section
from sigel.errors import ConfigError
from sigel.images import GeneImages
from sigel.images.tensors import ImageViews

PRESETS = ("fast", "default", "thorough")
# What keeps the code alive within seconds; the figures mean nothing.
QUICK: dict[str, Any] = {
    "train": {"pretrain_epochs": 2, "refine_epochs": 1},
    "encoder": {"depth": 1, "dim": 16},
    "max_groups": 8,
}
QUICK_SECTION: dict[str, Any] = {
    "n_rows": 14,
    "n_cols": 14,
    "n_programmes": 3,
    "genes_per_programme": 25,
    "n_background_genes": 30,
}


def preset(name: str) -> sigel.SIGELConfig | None:
    """Settings of a preset, or None where this version of the package has none of that name.

    Parameters
    ----------
    name
        `"fast"`, `"default"` or `"thorough"`.
    """
    make = getattr(sigel.SIGELConfig, "preset", None)
    if make is not None:
        return make(name)
    return sigel.SIGELConfig() if name == "default" else None


def merged(config: sigel.SIGELConfig, settings: dict[str, Any]) -> sigel.SIGELConfig:
    """A config with some nested settings changed.

    Parameters
    ----------
    config
        What to start from; it stays as it is.
    settings
        Nested settings, such as `{"train": {"thin": None}}`.
    """
    plain = config.to_dict()
    for name, value in settings.items():
        plain[name] = plain[name] | value if isinstance(value, dict) else value
    return sigel.SIGELConfig.from_dict(plain)


def offered(config: sigel.SIGELConfig, settings: dict[str, Any]) -> sigel.SIGELConfig | str:
    """A config with some settings changed, or why this version of the package cannot change them.

    Parameters
    ----------
    config
        What to start from.
    settings
        As in `merged`.
    """
    try:
        changed = merged(config, settings)
    except ConfigError as error:
        return str(error)
    return "the default already" if settings and changed == config else changed


def engine_images(section: Section, config: sigel.SIGELConfig) -> GeneImages:
    """Images of a section as some settings ask for them, of the genes that all rows share.

    Parameters
    ----------
    section
        The section.
    config
        All of `config.image` counts but the choice of genes.
    """
    usual = section.images.config
    image = replace(config.image, min_spots=usual.min_spots, exclude=usual.exclude)
    return GeneImages.from_anndata(section.adata, image)


def engine_pixels(section: Section, config: sigel.SIGELConfig) -> np.ndarray:
    """What the encoder sees, `(n_genes, n_pixels)`.

    Parameters
    ----------
    section
        The section.
    config
        As in `engine_images`.
    """
    views = ImageViews(engine_images(section, config))
    return np.concatenate([batch.image.numpy() for batch in views.batches()])


def with_sigel(config: sigel.SIGELConfig, seed: int) -> Method:
    """SIGEL as a method: representations of the genes of a section, fitted to it alone.

    Parameters
    ----------
    config
        Settings.
    seed
        Of the fit.
    """

    def embed(section: Section) -> np.ndarray:
        return sigel.SIGEL(config, seed=seed).fit(engine_images(section, config)).representations

    return embed

"""Domains of new sections by the labels of a reference: what is like a labelled place takes its label."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from sigel.config.domains import DomainConfig
from sigel.images.section import Section
from sigel.runtime.device import resolve_device
from sigel.runtime.progress import Progress
from sigel.runtime.seeds import check_seed, stream
from sigel.tasks.domains.inputs import counted, describe, tissue_of, values_of
from sigel.tasks.domains.labelled_inputs import (
    about_the_reference,
    classes_of,
    measured_in_both,
    side_by_side,
    warn_of_silent,
    with_labels,
)
from sigel.tasks.domains.labelled_posterior import mean_posterior


class Labelled(NamedTuple):
    """Labels of all spots of the new sections."""

    label: np.ndarray  # (n_spots,) text
    prob: np.ndarray  # (n_spots,) mean posterior of the label
    features: np.ndarray  # (n_spots, n_components) float32, on the axes of both
    genes: np.ndarray  # (n_used,) names of the genes used
    window: int  # spots that the features describe a spot by
    n_labelled: int  # spots of the reference that taught


def label_spots(
    section: Section,
    reference: Section,
    known: np.ndarray,
    config: DomainConfig,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Labelled:
    """Label the spots of new sections by those of a reference; see `sigel.tl.label_domains`.

    Parameters
    ----------
    section, reference
        Raw counts and places of the new sections, and of the labelled ones.
    known
        Label of each spot of the reference as text, `""`: none, `(n_reference,)`.
    config
        Settings.
    seed
        Of the solver, and of the spots that components are made from where there are many.
    device
        Where posteriors are computed.
    progress
        Called as `progress(stage, step, total, text)`, or None.

    Raises
    ------
    InputError
        When counts, places or labels cannot be used, or the two share too few genes.
    """
    rng, device = stream(check_seed(seed), "windows"), resolve_device(device)
    section = counted(section)
    tissue_of(section)
    with about_the_reference():
        reference = counted(reference)
        classes, code = classes_of(known)
        reference, code = with_labels(reference, code)
        tissue_of(reference)
    both = side_by_side(reference, section)
    warn_of_silent(both.counts[len(code) :])
    tissue = tissue_of(both)
    # What sets sections apart is found later, where labels tell it from what they are made of.
    plain = replace(config, section_offsets=False)
    genes = measured_in_both(both, tissue)
    described = describe(values_of(both, genes, plain), genes, tissue, plain, rng, progress)
    mean = mean_posterior(described, code, config, device, progress)
    best = mean.argmax(axis=1)
    return Labelled(
        classes[best],
        mean[np.arange(len(best)), best],
        described.features[len(code) :].astype(np.float32),
        described.genes,
        described.window,
        int((code >= 0).sum()),
    )

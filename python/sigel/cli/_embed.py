"""`sigel embed`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sigel.cli._inputs import read_given
from sigel.cli._options import READ, TELL, Inputs, Read, Tell, Write, asks
from sigel.cli._outputs import destination_of
from sigel.cli._talk import shows_progress
from sigel.cli._values import settings_in


@asks("tl.embed")
def embed(
    inputs: Inputs,
    /,
    *,
    write: Write,
    n_dims: int | None = None,
    n_groups: int | Literal["auto"] | None = None,
    spatial_key: str = "spatial",
    section_key: str | None = None,
    seed: int = 0,
    device: str = "auto",
    key_added: str = "sigel",
    config: str | None = None,
    save: Path | None = None,
    preset: Literal["fast", "default", "thorough", "paper"] = "default",
    checkpoint: Path | None = None,
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Embed the genes of a section, or of several in one space, by their spatial pictures.

    Writes an .h5ad file with varm["X_sigel"] (a representation of each gene), obsm["X_sigel"] (of each spot),
    var["sigel_group"] and uns["sigel"], as sigel.tl.embed does in Python. Several inputs become one object,
    of the genes that all have; obs["sample"] says which spot is of which.

    Parameters
    ----------
    inputs
        Folders of platforms, .h5ad files or zarr stores, raw counts; see sigel info.
    section_key
        Column of obs that tells several sections of one input apart. Default of several inputs: sample.
    config
        Further settings: a file of JSON, or JSON itself, such as {"train": {"pretrain_epochs": 20}}.
    save
        Folder for the fitted model, which other verbs take as --model.

    Examples
    --------
    sigel embed outs -o section.h5ad
    sigel embed outs -o section.h5ad --preset fast --n-groups 20
    sigel embed first.h5ad second.h5ad -o both.h5ad --layer counts
    """
    to = destination_of(write, inputs, [".h5ad"])
    settings = settings_in(config)
    given = read_given(inputs, read, images=True)
    adata = given.joined()
    from sigel.tl import embed

    embed(
        adata,
        n_dims=n_dims,
        n_groups=n_groups,
        layer=read.layer,
        spatial_key=spatial_key,
        section_key=given.section_key(section_key),
        seed=seed,
        device=device,
        key_added=key_added,
        config=settings,
        progress=shows_progress(tell),
        save=save,
        preset=preset,
        checkpoint=checkpoint,
    )
    to.write_object(adata)

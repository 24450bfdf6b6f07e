"""What was named on the command line, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sigel.cli._options import Reading
from sigel.cli._talk import waiting
from sigel.errors import InputError
from sigel.keys import SAMPLE

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class Given:
    """Sections that were read.

    Parameters
    ----------
    sections
        By name: that of the file without its ending, of the folder, or of the sample within it.
    """

    sections: dict[str, AnnData]

    def joined(self) -> AnnData:
        """All in one object, `obs["sample"]` saying which."""
        from sigel.io._several import joined

        return joined(self.sections)

    def section_key(self, asked: str | None) -> str | None:
        """The column that tells sections of `joined` apart.

        Parameters
        ----------
        asked
            What was asked for; it goes first.
        """
        return asked or (SAMPLE if len(self.sections) > 1 else None)

    def as_cohort(self, asked: str | None) -> AnnData | list[AnnData] | dict[str, AnnData]:
        """What functions of several sections take.

        Parameters
        ----------
        asked
            Column of `obs` that tells the sections of one object apart, or names each of several.
        """
        if asked is None:
            return self.sections
        objects = list(self.sections.values())
        return objects[0] if len(objects) == 1 else objects


def read_given(paths: Sequence[Path], reading: Reading, *, images: bool = False) -> Given:
    """Read all inputs.

    Parameters
    ----------
    paths
        As given.
    reading
        How.
    images
        Whether pictures of the tissue are of use, as they are in an .h5ad file.
    """
    sections: dict[str, AnnData] = {}
    for path in paths:
        with waiting(f"Reading {path}"):
            # Of several inputs one object is made, in memory.
            samples = _samples(path, reading, images=images and reading.images, on_disk=len(paths) == 1)
        for name, adata in samples.items():
            if name in sections:
                fix = "Rename a file or folder, and name each once."
                raise InputError("INPUT", f"two sections named {name!r}", "names of their own", fix)
            sections[name] = adata
    return Given(sections)


def _samples(path: Path, reading: Reading, *, images: bool, on_disk: bool) -> dict[str, AnnData]:
    from sigel.io._anndata_files import WithoutXError
    from sigel.io._read import by_name, read_samples
    from sigel.io._sources import Options

    def read(layer: str | None) -> dict[str, AnnData]:
        options = Options(
            layer=layer,
            raw=reading.raw,
            off_tissue=reading.off_tissue,
            bin_size=reading.bin_size,
            table=reading.table,
            images=images,
            on_disk=on_disk,
        )
        return by_name(read_samples(path, reading.platform, list(reading.sample) or None, options))

    try:
        return read(None)  # the layer is named to the function that counts: X stays what it is in the output
    except WithoutXError:
        if reading.layer is None:
            raise
        return read(reading.layer)

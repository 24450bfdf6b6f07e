"""Pictures of the tissue as Space Ranger leaves them, and their scale."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sigel.errors import InputError, MissingPackageError, warn
from sigel.io._tables import reading
from sigel.runtime.requires import requires

SCALES = "scalefactors_json.json"


@dataclass(frozen=True)
class Pictures:
    """Pictures of a sample, not read yet.

    Parameters
    ----------
    files
        By name: `"hires"`, `"lowres"`.
    scales
        The file of scale factors, if there is one.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    scales: Path | None = None

    @classmethod
    def within(cls, folder: Path) -> Pictures:
        """Those of a folder `spatial`.

        Parameters
        ----------
        folder
            The folder.
        """
        named = {name: folder / f"tissue_{name}_image.png" for name in ("hires", "lowres")}
        scales = folder / SCALES
        files = {name: path for name, path in named.items() if path.is_file()}
        return cls(files, scales if scales.is_file() else None)

    def scale_factors(self) -> dict[str, float]:
        """Numbers by name: how pixels of the pictures and diameters of spots go with the places."""
        if self.scales is None:
            return {}
        with reading(self.scales, "scale factors, numbers by name"):
            given = json.loads(self.scales.read_text(encoding="utf-8"))
            return {str(name): float(value) for name, value in given.items() if _is_number(value)}

    def read(self, *, images: bool) -> dict[str, Any]:
        """What scanpy keeps in `uns["spatial"]` of a sample; empty where there is nothing.

        Parameters
        ----------
        images
            Whether to read the pictures themselves, too.
        """
        if images and self.files and self.scales is None:
            found = f"{next(iter(self.files.values())).name!r} without {SCALES!r}"
            fix = "Copy the whole folder spatial, or leave the pictures out: images=False."
            raise InputError("path", found, "the scale of the pictures beside them", fix)
        files = self.files if images else {}
        made = {name: _picture(path) for name, path in files.items()} if files and _can_be_read() else {}
        if not made and self.scales is None:
            return {}
        return {"images": made, "scalefactors": self.scale_factors(), "metadata": {}}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _can_be_read() -> bool:
    """Whether there is Pillow; else the reader is warned, as pictures are no more than a background."""
    try:
        requires("PIL", "images", "True")
    except MissingPackageError as error:
        warn(f"Pictures of the tissue are left out. {error} Or leave them out yourself: images=False.")
        return False
    return True


def _picture(path: Path) -> np.ndarray:
    """Red, green, blue in 0 to 1, `(height, width, 3)`."""
    from PIL import Image

    with reading(path, "a picture in a PNG file"), _opened(Image, path) as picture:
        if picture.mode.startswith("I"):  # grey of 16 bits
            grey = np.asarray(picture, dtype=np.float32) / np.float32(65535)
            return np.stack([grey] * 3, axis=-1)
        return np.asarray(picture.convert("RGB"), dtype=np.float32) / np.float32(255)


def _opened(library: Any, path: Path) -> Any:
    try:
        return library.open(path, formats=("PNG",))
    except library.DecompressionBombError as error:
        raise ValueError(str(error)) from error

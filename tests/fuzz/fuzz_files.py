"""One file of a folder of a platform, changed."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

from harness import fuzz, sigel

from platform_folders import cosmx, merscope, visium, visium_cells, xenium, xenium_zarr

HOME = Path(tempfile.mkdtemp(prefix="folders-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


# Of changed bytes HDF5's own reader may never come back; `test_hostile_files.py` changes what they hold.
_LIBRARY = (".h5", ".h5ad")


def folders() -> list[Path]:
    """One of each platform, the smallest there are."""
    for make in (visium, xenium, merscope, cosmx, visium_cells):
        make(HOME / make.__name__)
    xenium_zarr(HOME / "xenium_zarr")
    section = sigel.datasets.simulated_section(8, 8, 1, 3, 3)
    section.write_zarr(HOME / "anndata.zarr")
    return sorted(one for one in HOME.iterdir())


def files() -> list[tuple[Path, Path]]:
    """What is read, and which file of it is changed."""
    return [
        (folder, file)
        for folder in folders()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix not in _LIBRARY
    ]


FILES = files()
WHOLE = [file.read_bytes() for _, file in FILES]


def plain(file: Path, content: bytes) -> bytes:
    return gzip.decompress(content) if file.suffix == ".gz" else content


def work(data: bytes) -> None:
    if len(data) < 2:
        return
    k = int.from_bytes(data[:2], "little") % len(FILES)
    place, file = FILES[k]
    file.write_bytes(gzip.compress(data[2:], 1) if file.suffix == ".gz" else data[2:])
    try:
        sigel.io.read(place)
    finally:
        file.write_bytes(WHOLE[k])


if __name__ == "__main__":
    fuzz(work, [k.to_bytes(2, "little") + plain(FILES[k][1], WHOLE[k]) for k in range(len(FILES))])

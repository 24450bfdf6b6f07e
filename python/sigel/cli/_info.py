"""`sigel info`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from sigel.cli._history import NO_HISTORY, history_of, in_lines
from sigel.cli._options import READ, TELL, Flag, Inputs, Read, Tell, asks
from sigel.cli._tables import as_json, plain


@asks("io.describe")
def info(
    inputs: Inputs,
    /,
    *,
    json: Flag = False,
    read: Read = READ,
    tell: Tell = TELL,
) -> None:
    """Say what would be read of a folder or a file, and what was run on a file of SIGEL's.

    Prints, for each section, its platform, its size, its files, and what else could be asked for, without
    reading counts. Of an .h5ad file with results also what made them: the commands, and for each result its
    call, versions, seed, device, time, and the settings that are not the defaults.

    Parameters
    ----------
    inputs
        Folders of platforms, .h5ad files or zarr stores.
    json
        As JSON, with all settings.

    Examples
    --------
    sigel info outs
    sigel info section.h5ad --json
    """
    from sigel.io import describe

    found: list[dict[str, Any]] = []
    for path in inputs:
        described = describe(
            path,
            platform=read.platform,
            sample=list(read.sample) or None,
            raw=read.raw,
            off_tissue=read.off_tissue,
            bin_size=read.bin_size,
            table=read.table,
        )
        past = history_of(Path(path)) if described[0].platform == "h5ad" else None
        if not json:
            lines = [*map(str, described), *(in_lines(past) if past else [])]
            sys.stdout.write("\n".join(lines) + "\n")
        sections = [plain(dataclasses.asdict(one)) for one in described]
        found.append({"input": str(path), "sections": sections, **(past or NO_HISTORY)})
    if json:
        sys.stdout.write(as_json(found))

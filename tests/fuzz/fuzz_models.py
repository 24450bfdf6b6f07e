"""One file of a model's folder, changed, its hashes made right; or a checkpoint."""

from __future__ import annotations

import copy
import hashlib
import json
import tempfile
from pathlib import Path

from harness import fuzz, sigel

from sigel.model.files import FILES
from sigel.training.checkpoint import FILE, load_checkpoint

HOME = Path(tempfile.mkdtemp(prefix="model-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
SETTINGS = {
    "n_dims": 4,
    "n_groups": 2,
    "encoder": {"depth": 1, "dim": 16, "rank": 8},
    "train": {"pretrain_epochs": 1, "refine_epochs": 0, "holdout": 0.0},
}


def made() -> Path:
    section = sigel.datasets.simulated_section(8, 8, 2, 6, 8)
    model = sigel.SIGEL(sigel.SIGELConfig.from_dict(SETTINGS), device="cpu")
    model.fit(sigel.GeneImages.from_anndata(section), checkpoint=HOME / "state")
    return model.save(HOME / "model")


MODEL = made()
PLACES = [*(MODEL / name for name in FILES), HOME / "state" / FILE]
WHOLE = [place.read_bytes() for place in PLACES]


STRANGE = (
    None,
    -1,
    0,
    1,
    0.5,
    1e300,
    10**9,
    10**30,
    "",
    "a",
    [],
    {},
    [0],
    [[]],
    True,
    {"a": 1},
    -(10**9),
    [10**9],
)


def edited(about: object, data: bytes) -> object:
    """JSON with some of its values exchanged for strange ones."""
    for at, what in zip(data[::2], data[1::2], strict=False):
        held, key = about, None
        places = [(one, name) for one in inner(about) for name in names_in(one)]
        if places:
            held, key = places[(at * 7 + what) % len(places)]
            # A copy: the next edit may be of what this one put in.
            held[key] = copy.deepcopy(STRANGE[what % len(STRANGE)])
    return about


def inner(about: object) -> list:
    found = [about] if isinstance(about, dict | list) else []
    for one in about.values() if isinstance(about, dict) else about if isinstance(about, list) else ():
        found += inner(one)
    return found


def names_in(one: object) -> list:
    return list(one) if isinstance(one, dict) else list(range(min(len(one), 3)))


def work(data: bytes) -> None:
    if not data:
        return
    k = data[0] % len(PLACES)
    if PLACES[k].suffix == ".json" and data[0] & 128:
        PLACES[k].write_text(json.dumps(edited(json.loads(WHOLE[k]), data[1:9])))
    else:
        PLACES[k].write_bytes(data[1:])
    try:
        if PLACES[k].parent != MODEL:
            load_checkpoint(PLACES[k])
            return
        if PLACES[k].name != "config.json":
            about = json.loads(WHOLE[FILES.index("config.json")])
            about["sha256"] = {
                name: hashlib.sha256((MODEL / name).read_bytes()).hexdigest() for name in FILES[:-1]
            }
            (MODEL / "config.json").write_text(json.dumps(about))
        sigel.SIGEL.load(MODEL, device="cpu")
    finally:
        for place, whole in zip(PLACES, WHOLE, strict=True):
            place.write_bytes(whole)


if __name__ == "__main__":
    edits = [
        bytes([128 + k, a, b]) for k in range(2 * len(PLACES)) for a in range(0, 250, 60) for b in range(9)
    ]
    fuzz(work, [*edits, *(bytes([k]) + whole for k, whole in enumerate(WHOLE))])

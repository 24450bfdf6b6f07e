"""Settings that are not the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sigel.config.base import Settings


def changed_settings(kind: type[Settings], settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Name and value of each setting that differs from its default, those of parts with a point.

    Parameters
    ----------
    kind
        The settings that they are.
    settings
        Plain nested values, as `Settings.to_dict` or JSON has them.

    Examples
    --------
    >>> from sigel.config import SIGELConfig
    >>> changed_settings(SIGELConfig, {"n_dims": 16, "train": {"pretrain_epochs": 20}})
    [('n_dims', 16), ('train.pretrain_epochs', 20)]
    """
    default = dict(flat_settings(kind().to_dict()))
    return [(name, value) for name, value in flat_settings(settings) if default.get(name) != value]


def flat_settings(settings: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Name and value of each setting, those of parts with a point.

    Parameters
    ----------
    settings
        Plain nested values.
    within
        What goes before each name.
    """
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat_settings(value, f"{within}{name}.")
        else:
            # JSON has no tuples.
            yield f"{within}{name}", list(value) if isinstance(value, tuple) else value

"""What all settings share: frozen, checked, to and from plain values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from sigel.errors import ConfigError, InputError, alternatives, near_names

C = TypeVar("C", bound="Settings")


def require(ok: bool, name: str, value: object, wanted: str) -> None:  # noqa: FBT001
    """Refuse a setting that is out of range."""
    if not ok:
        raise ConfigError(name, repr(value), wanted)


def fits(value: object, hint: Any) -> bool:
    """Whether a value is of a type that a setting may have."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if origin in (Union, UnionType):
        return any(fits(value, option) for option in inner)
    if origin is tuple:
        if not isinstance(value, tuple) or (inner[-1] is not ... and len(value) != len(inner)):
            return False
        return all(fits(v, inner[0]) for v in value)
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    return isinstance(value, hint)


def plain(value: Any) -> Any:
    """Numbers of numpy as Python's own, so that settings can be written down."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def in_words(hint: Any) -> str:
    """What a setting may be, for messages."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return any_of(inner)
    if origin in (Union, UnionType):
        return " or ".join(map(in_words, inner))
    if origin is tuple:
        return f"a sequence of {in_words(inner[0])}" if inner[-1] is ... else f"{len(inner)} numbers"
    words = {float: "a number", int: "a whole number", bool: "True or False", str: "text", type(None): "None"}
    return words.get(hint, f"a {getattr(hint, '__name__', hint)}")


def any_of(choices: Iterable[str]) -> str:
    """Words for a choice between texts.

    Parameters
    ----------
    choices
        What there is.

    Examples
    --------
    >>> any_of(["fast", "default", "thorough"])
    '"fast", "default" or "thorough"'
    """
    return alternatives(f'"{choice}"' for choice in choices)


class Settings:
    """Shared by all configs: choices are checked, unknown settings are errors, JSON both ways."""

    _example = "{}"  # a dict of some, for messages

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            require(fits(value, hint), name, value, in_words(hint))
            object.__setattr__(self, name, plain(value))
        self._check()

    def _check(self) -> None:
        """Range checks of one config; overridden."""

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dict, fit for JSON."""
        return dataclasses.asdict(self)  # type: ignore[call-overload,no-any-return]

    @classmethod
    def _place_of(cls, name: str) -> str:
        """Where a setting that is unknown here may be meant to stand, as the fix of its error."""
        parts = {f.name: f.default_factory for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        for part, kind in parts.items():
            is_part = isinstance(kind, type) and issubclass(kind, Settings)
            if is_part and name in {f.name for f in dataclasses.fields(kind)}:  # type: ignore[arg-type]
                return f'It is in a part of its own: config={{"{part}": {{"{name}": ...}}}}.'
        near = [one for one in parts if name in one.split("_")] or near_names(name, parts, 1)
        return f"Did you mean {' or '.join(near)}?" if near else ""

    @classmethod
    def given(cls: type[C], config: object) -> C:
        """Settings as a caller of a function gave them.

        Parameters
        ----------
        config
            Settings of this kind, a dict of some, or None for the defaults.

        Raises
        ------
        InputError
            When it is something else.
        """
        if isinstance(config, cls):
            return config
        if not isinstance(config, dict | None):
            name = cls.__name__
            wanted = f"{'an' if name[0] in 'AEIOU' else 'a'} {name} or a dict of its settings"
            raise InputError("config", repr(config)[:60], wanted, f"For example config={cls._example}.")
        return cls.from_dict(config or {})

    @classmethod
    def from_dict(cls: type[C], settings: dict[str, Any]) -> C:
        """Build from a nested dict; an unknown setting is an error that lists the known ones.

        Parameters
        ----------
        settings
            Nested settings, for example `{"n_dims": 32, "train": {"pretrain_epochs": 5}}`.

        Raises
        ------
        ConfigError
            When a setting is unknown or out of range.
        """
        if not isinstance(settings, dict):
            raise ConfigError(cls.__name__, repr(settings), "a dict")
        known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            found = f"an unknown setting {unknown[0]!r}"
            wanted = f"one of {', '.join(known)}"
            raise ConfigError(unknown[0], found, wanted, cls._place_of(unknown[0]))
        values: dict[str, Any] = {}
        for name, value in settings.items():
            factory = known[name].default_factory
            if isinstance(factory, type) and issubclass(factory, Settings):
                require(isinstance(value, dict | factory), name, value, "a dict of settings")
                values[name] = factory.from_dict(value) if isinstance(value, dict) else value
            elif name == "exclude" and isinstance(value, str):  # one pattern, as R would write it
                values[name] = (value,)
            else:
                values[name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)

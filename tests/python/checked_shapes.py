"""What jaxtyping says of arrays in signatures, checked by beartype at every call while tests run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_args

from beartype import beartype
from jaxtyping import AbstractArray


def of_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the annotations of arrays alone: of other wrong types tests want the package's own errors."""
    function.__annotations__ = {
        name: kind for name, kind in function.__annotations__.items() if _has_array(kind)
    }
    return beartype(function) if function.__annotations__ else function


def _has_array(kind: Any) -> bool:
    return (inspect.isclass(kind) and issubclass(kind, AbstractArray)) or any(map(_has_array, get_args(kind)))

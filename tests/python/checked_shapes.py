"""What jaxtyping says of arrays in signatures, checked by beartype while tests run."""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

import jaxtyping
import numpy as np
import torch
from beartype import beartype
from jaxtyping import AbstractArray

# A loop calls a function a thousand times with the same shapes: checks of all took a sixth of the time.
CHECKED = 3
calls: Counter[tuple[Any, ...]] = Counter()


def install() -> None:
    """Check every function of the rooms of numbers, its first calls with each shape in each test."""
    checked = jaxtyping.jaxtyped

    def of_first_calls(function: Any = None, **settings: Any) -> Any:
        if function is None:
            return functools.partial(of_first_calls, **settings)

        each = checked(function, **settings)
        if not inspect.isfunction(function):
            return each

        @functools.wraps(function)
        def called(*given: Any, **named: Any) -> Any:
            arrays = (one for one in (*given, *named.values()) if isinstance(one, np.ndarray | torch.Tensor))
            # Code is shared by functions that are made anew, and holds no arrays.
            this = (function.__code__, *(tuple(one.shape) for one in arrays))
            if calls[this] >= CHECKED:
                return function(*given, **named)
            calls[this] += 1
            return each(*given, **named)

        return called

    # What the hook writes above every function is looked up by this name.
    jaxtyping.jaxtyped = of_first_calls
    jaxtyping.install_import_hook(["sigel.images", "sigel.nn", "sigel.stats"], "checked_shapes.of_arrays")


def of_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the annotations of arrays alone: of other wrong types tests want the package's own errors."""
    function.__annotations__ = {
        name: kind for name, kind in function.__annotations__.items() if _has_array(kind)
    }
    return beartype(function) if function.__annotations__ else function


def _has_array(kind: Any) -> bool:
    return (inspect.isclass(kind) and issubclass(kind, AbstractArray)) or any(map(_has_array, get_args(kind)))

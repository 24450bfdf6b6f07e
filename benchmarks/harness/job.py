"""One call of the benchmarks: its seed and settings, and the runs that its tables share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import sigel
from benchmarks.harness.processes import Found, python_with
from benchmarks.harness.report import say
from benchmarks.harness.sections import Method, Section
from benchmarks.harness.sigel_rows import PRESETS, QUICK, merged, preset, with_sigel


@dataclass
class Runs:
    """Representations already made in this call, by name of method and section, with their seconds.

    Parameters
    ----------
    widest
        Wider representations (all pixels) are made anew: they would fill the memory.
    """

    widest: int = 256
    kept: dict[tuple[str, str], tuple[np.ndarray, float]] = field(default_factory=dict)

    def get(self, name: str, method: Method, section: Section) -> tuple[np.ndarray, float]:
        """Representations and the seconds that they took.

        Parameters
        ----------
        name
            Of the method; the same name must always be the same method.
        method
            Called where this name has not met this section yet.
        section
            The section.
        """
        key = (name, section.name)
        if key in self.kept:
            return self.kept[key]
        started = time.perf_counter()
        found = method(section)
        result = found, time.perf_counter() - started
        if found.shape[1] <= self.widest:
            self.kept[key] = result
        return result


@dataclass(frozen=True)
class Job:
    """One call of the benchmarks.

    Parameters
    ----------
    seed
        Of everything random.
    quick
        Small simulated sections and few epochs, to keep the code alive.
    n_pairs
        How many pairs of sections; None takes all.
    n_draws
        How many random panels of a size.
    runs
        What the tables share.
    """

    seed: int = 0
    quick: bool = False
    n_pairs: int | None = None
    n_draws: int = 3
    runs: Runs = field(default_factory=Runs)

    def config(self, name: str = "default") -> sigel.SIGELConfig | None:
        """Settings of a preset, cut down where the call is quick; None where there is no such preset.

        Parameters
        ----------
        name
            Of the preset.
        """
        found = preset(name)
        return merged(found, QUICK) if found is not None and self.quick else found

    def configs(self) -> dict[str, sigel.SIGELConfig]:
        """Settings of the presets that there are; says which are not."""
        found = {name: self.config(name) for name in PRESETS}
        for name in (name for name, config in found.items() if config is None):
            say(f"left out, not in this version: the preset {name!r}")
        return {name: config for name, config in found.items() if config is not None}

    def default(self, seed: int | None = None) -> dict[str, Method]:
        """SIGEL at its defaults by the name of its row.

        Parameters
        ----------
        seed
            Another seed than the call's.
        """
        config = self.config()
        assert config is not None
        name = f"SIGEL, default, {config.n_dims}"
        if seed is not None and seed != self.seed:
            return {f"{name}, seed {seed}": with_sigel(config, seed)}
        return {name: with_sigel(config, self.seed)}

    def attempt(self, run: Callable[[str], Found], package: str, *, peer: bool) -> Found | str:
        """What a method comes to, or why it comes to nothing.

        Parameters
        ----------
        run
            From a Python that has the package to what the method found.
        package
            What must be installed.
        peer
            Whether the method is another package's, which a quick call does without.
        """
        if peer and self.quick:
            return "not in a quick call"
        python = python_with(package)
        if python is None:
            return "not installed"
        try:
            return run(python)
        except RuntimeError as error:  # of its process; one method must not cost the others their figures
            if self.quick:
                raise
            say(str(error))
            return str(error).strip().splitlines()[-1][:100]

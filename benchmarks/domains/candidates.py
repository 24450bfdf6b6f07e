"""Settings that may be chosen for spatial domains, of the package and of plain windows, and their answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from sklearn.mixture import GaussianMixture

from benchmarks.domains.inputs import Given, components
from benchmarks.harness.numerics import zscored
from sigel.config.domains import DomainConfig
from sigel.images.section import Section
from sigel.runtime.seeds import stream
from sigel.stats.consensus import agreeing
from sigel.tasks.domains.find import describe_section
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.mixture import partitions, vote
from sigel.tasks.domains.recipe import Recipe

# Labels of every setting at a seed, by its name.
Answers = Callable[[int], dict[str, np.ndarray]]

DEFAULT = DomainConfig()
WINDOWS = ((7,), (1, 7, 19), DEFAULT.windows, (1, 7, 19, 37))
COMPONENTS = ((20,), (8, 12, 20), DEFAULT.components)
PRIORS = (0.0, DEFAULT.prior)
SHARES = (DEFAULT.agreeing, 1.0)
PLAIN_WINDOWS, PLAIN_COMPONENTS = (1, 7, 19, 37), (10, 20)


@dataclass(frozen=True)
class Own:
    """Settings of the package's mixture.

    Parameters
    ----------
    windows, components, prior, agreeing
        As in `DomainConfig`.
    """

    windows: tuple[int, ...]
    components: tuple[int, ...]
    prior: float
    agreeing: float

    @property
    def name(self) -> str:
        """What a table calls it."""
        windows, components = (", ".join(map(str, each)) for each in (self.windows, self.components))
        heard = f"neighbours {self.prior:g}" if self.prior else "no neighbours"
        return f"windows {windows}; components {components}; {heard}; vote of {self.agreeing:.0%}"


OWN = {own.name: own for own in (Own(*each) for each in product(WINDOWS, COMPONENTS, PRIORS, SHARES))}
SHIPPED = Own(DEFAULT.windows, DEFAULT.components, DEFAULT.prior, DEFAULT.agreeing).name
PLAIN = {
    f"{window} spots, {'z-scored' if scaled else 'plain'}, {n} components": (window, scaled, n)
    for window, scaled, n in product(PLAIN_WINDOWS, (False, True), PLAIN_COMPONENTS)
}


def own_answers(given: Given) -> Answers:
    """The package's mixture at all of its settings: fits are shared, votes are not.

    Parameters
    ----------
    given
        The tissue.
    """
    most = int(np.bincount(given.section).min()) // 2
    windows = tuple(sorted({min(window, most) for each in WINDOWS for window in each}))
    sizes = tuple(sorted({n for each in COMPONENTS for n in each}))
    several = "section" if given.section.max() > 0 else None
    section = Section.from_anndata(given.adata, section_key=several)

    def answers(seed: int) -> dict[str, np.ndarray]:
        config = DomainConfig(windows=windows, components=sizes)
        described = describe_section(section, Recipe(config=config, seed=seed))
        made = {}
        for prior in PRIORS:
            made |= _votes(described, given.n_domains, seed, replace(config, prior=prior))
        return made

    return answers


def _votes(
    described: Described, n_domains: int | None, seed: int, config: DomainConfig
) -> dict[str, np.ndarray]:
    """Of the settings with one prior."""
    assert n_domains is not None
    found = partitions(described, n_domains, seed, config)
    made = {}
    for own in OWN.values():
        if own.prior != config.prior:
            continue
        # Short panels have fewer components than are asked for, small sections have narrower windows.
        windows = np.minimum(own.windows, found.window.max())
        sizes = np.minimum(own.components, found.n_components.max())
        of = np.isin(found.window, windows) & np.isin(found.n_components, sizes)
        label = found.label[of]
        made[own.name] = vote(label, agreeing(label, n_domains, own.agreeing), n_domains).label
    return made


def plain_answers(given: Given) -> Answers:
    """Means over the nearest spots, principal components and a tied mixture from one start.

    Parameters
    ----------
    given
        The tissue.
    """
    values = given.values()
    scores = {}
    for window, scaled in product(PLAIN_WINDOWS, (False, True)):
        x = (given.means(window) @ values if window > 1 else values).toarray()
        if scaled:
            x = zscored(x)
        scores[window, scaled] = components(x, max(PLAIN_COMPONENTS))

    def answers(seed: int) -> dict[str, np.ndarray]:
        start = int(stream(seed, "domains").integers(2**31))
        return {
            name: GaussianMixture(given.n_domains, covariance_type="tied", random_state=start).fit_predict(
                scores[window, scaled][:, :n]
            )
            for name, (window, scaled, n) in PLAIN.items()
        }

    return answers

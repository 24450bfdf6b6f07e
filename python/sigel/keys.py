"""Every key that the package writes into an AnnData, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sigel.errors import InputError

# `uns` key of a section of imputed genes.
IMPUTATION = "sigel_imputation"
# `uns` key of a file that the command line wrote: a line of JSON for each command that led to it.
COMMANDS = "sigel_commands"
# `uns` key of an object with results: a line of JSON for the last call of each verb and key.
CALLS = "sigel_calls"
# `obsm` and `uns` key of a section that was read: features that are no genes, and their names.
OTHER_FEATURES = "other_features"
# `obs` column of samples that were read together.
SAMPLE = "sample"
# Name of the group of genes without a pattern, beside "1", "2", "3", ... of the others.
NO_PATTERN = "no pattern"


def group_names(n_groups: int, *, has_flat: bool) -> list[str]:
    """Names of groups in the order of the columns of their posterior.

    Parameters
    ----------
    n_groups
        Numbered ones.
    has_flat
        Whether genes without a pattern have one of their own, in the last column.
    """
    return [*(str(k + 1) for k in range(n_groups)), *([NO_PATTERN] if has_flat else [])]


def column_names(n_columns: int, groups: Iterable[object]) -> list[str]:
    """Names of the columns of a posterior, from the groups that its genes were given.

    Parameters
    ----------
    n_columns
        How many; the last is that of genes without a pattern, if any gene is one of them.
    groups
        Group of each gene.
    """
    has_flat = NO_PATTERN in set(groups)
    return group_names(n_columns - has_flat, has_flat=has_flat)


@dataclass(frozen=True, slots=True)
class Keys:
    """Names derived from `key_added`; the defaults are those of `key_added="sigel"`.

    Parameters
    ----------
    base
        The `key_added` of the call.
    """

    base: str = "sigel"

    @property
    def representation(self) -> str:
        """`varm` and `obsm` key: gene representations and spot embedding."""
        return f"X_{self.base}"

    def section(self, name: str) -> str:
        """`varm` key: gene representations by one section of several.

        Parameters
        ----------
        name
            Of the section; a slash, which h5ad files have no room for, becomes `_`.
        """
        return f"{self.representation}_{name.replace('/', '_')}"

    @property
    def group(self) -> str:
        """`var` column with the group of each gene."""
        return f"{self.base}_group"

    @property
    def group_prob(self) -> str:
        """`var` column with the largest group posterior of each gene."""
        return f"{self.base}_group_prob"

    @property
    def posterior(self) -> str:
        """`varm` key with the group posteriors of each gene, genes x groups."""
        return f"{self.base}_posterior"

    @property
    def status(self) -> str:
        """`var` column that says whether a gene was embedded and, if not, why."""
        return f"{self.base}_status"

    @property
    def info(self) -> str:
        """`uns` key with parameters, provenance and training history."""
        return self.base

    @property
    def selected(self) -> str:
        """`var` column that says which genes were chosen for domains."""
        return f"{self.base}_selected"

    @property
    def weight(self) -> str:
        """`var` column with the weight of each chosen gene, 0 for the others."""
        return f"{self.base}_weight"

    @property
    def domain(self) -> str:
        """`obs` column with the domain of each spot."""
        return f"{self.base}_domain"

    @property
    def domain_prob(self) -> str:
        """`obs` column with the share of starts that put a spot in its domain."""
        return f"{self.base}_domain_prob"

    @property
    def domain_stability(self) -> str:
        """`obs` column with the share of seeds in which a spot keeps its domain."""
        return f"{self.base}_domain_stability"

    @property
    def domain_features(self) -> str:
        """`obsm` key with what the spots were clustered by."""
        return f"X_{self.base}_domain"

    def spatial(self, column: str) -> str:
        """`var` column with one column of the table of spatial genes.

        Parameters
        ----------
        column
            For example `"qval"`.
        """
        return f"{self.base}_spatial_{column}"


def check_key(key: object, argument: str) -> None:
    """Refuse what cannot be the base of keys.

    Parameters
    ----------
    key
        What a caller gave.
    argument
        What the caller calls it.

    Raises
    ------
    InputError
        When it is no text, empty, or has a slash, which h5ad files have no room for.
    """
    if not isinstance(key, str) or not key or "/" in key:
        raise InputError(argument, repr(key), "a name without slashes", f'Use {argument}="sigel".')

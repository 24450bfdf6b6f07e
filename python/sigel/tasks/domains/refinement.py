"""Single spots within another domain are given to it."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sigel.tasks.domains.windows import Tissue

# Weights of spots that are equally near are rounded; a half that is a hair more is still a half.
ROUNDING = 1e-5


def refine(labels: np.ndarray, tissue: Tissue, n: int = 7) -> tuple[np.ndarray, int]:
    """Give each spot to the domain that most of the spots around it are in, if more than half are.

    Parameters
    ----------
    labels
        Domain of each spot, in any coding, `(n_spots,)`.
    tissue
        Where the spots lie; those of other sections are not around.
    n
        Spots that are looked at: the spot and its `n - 1` nearest. Where more are equally far, all of them
        share the votes that are left.

    Returns
    -------
    tuple
        The labels in the same coding, and how many spots changed.

    Notes
    -----
    One pass, all spots at a time: whatever changes does not change its neighbours. As SpaGCN's refinement
    (Hu et al. 2021, Nature Methods 18:1342), with the spot itself left out.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.stack(np.divmod(np.arange(25), 5), axis=1)
    >>> labels = np.where(np.arange(25) == 12, "b", "a")
    >>> refined, n_changed = refine(labels, Tissue(places, np.zeros(25, int)), n=5)
    >>> n_changed, str(refined[12])
    (1, 'a')
    """
    labels = np.asarray(labels)
    names, code = np.unique(labels, return_inverse=True)
    around = tissue.means(n).copy()  # the tissue keeps its own
    around.setdiag(0)
    member = sparse.csr_matrix((np.ones(len(code)), (np.arange(len(code)), code)))
    votes = sparse.csr_matrix(around @ member)  # (n_spots, n_domains)
    all_votes = np.asarray(votes.sum(axis=1)).ravel()
    most = votes.max(axis=1).toarray().ravel()
    winner = np.asarray(votes.argmax(axis=1)).ravel()
    new = np.where(most > (0.5 + ROUNDING) * all_votes, winner, code)
    return names[new], int((new != code).sum())

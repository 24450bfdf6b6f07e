"""A generator with a memory, its critic, and images as the coefficients that both work on."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sigel.nn.encoder.masked_autoencoder import initialise

# Size of the last layer's weights at the start: the memory's part begins small beside the linear map.
START = 0.1
# Weight of the gradient penalty, as in "Improved training of Wasserstein GANs" (Gulrajani et al. 2017).
PENALTY = 10.0


class MemoryGenerator(nn.Module):
    """Coefficients of an image: a linear map of the representation, and what a memory adds to it.

    Parameters
    ----------
    n_dims
        Length of a representation.
    n_out
        Coefficients of an image.
    n_hidden
        Width of the hidden layers.
    n_memory
        Slots of the memory.
    temperature
        Of the attention over the memory.
    shrink
        Attention weights below this share of an even weight, `1 / n_memory`, are cut to zero.
    generator
        CPU generator, source of the initial weights. The global one is left alone.

    Notes
    -----
    With slots `m_j` of the memory, temperature T and the encoder's query e of a representation z, a and the
    coefficients y are::

        a_j = softmax_j(cos(e, m_j) / T), 0 where below shrink / n_memory, of sum 1
        y   = decoder(sum_j a_j m_j + skip(z)) + linear z

    Encoder, memory, skip and decoder are those of SIGEL-ETC. There, weights below 0.005 are cut to zero,
    which at the start are all of 256. Here the limit is below the even weight and the largest weight is
    never below it, so at least one slot is always read. The attention is of cosines, so its sharpness does
    not depend on how far the encoder stretches. The linear map is ours: a panel is too small to learn from
    nothing what ridge regression knows.

    Examples
    --------
    >>> net = MemoryGenerator(4, 3, n_hidden=8, n_memory=5, temperature=0.2, shrink=0.5,
    ...                       generator=torch.Generator().manual_seed(0))
    >>> net(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        n_dims: int,
        n_out: int,
        *,
        n_hidden: int,
        n_memory: int,
        temperature: float,
        shrink: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_dims, self.temperature, self.shrink = n_dims, temperature, shrink
        with torch.device("meta"):  # drawn below: layers of their own accord draw from the global generator
            self.encoder = nn.Sequential(
                nn.Linear(n_dims, n_hidden), nn.SiLU(), nn.Linear(n_hidden, n_hidden)
            )
            self.skip = nn.Linear(n_dims, n_hidden, bias=False)
            self.last = nn.Linear(n_hidden, n_out)
            self.decoder = nn.Sequential(nn.Linear(n_hidden, n_hidden), nn.SiLU(), self.last)
        self.to_empty(device="cpu")
        initialise(self, generator)
        with torch.no_grad():
            self.last.weight.mul_(START)
        self.memory = nn.Parameter(torch.randn(n_memory, n_hidden, generator=generator))
        self.linear: Tensor
        self.register_buffer("linear", torch.zeros(n_out, n_dims))

    def weights(self, representations: Float[Tensor, "m n_dims"]) -> Float[Tensor, "m n_memory"]:
        """Weights over the memory's slots, rows of sum 1, those far below an even weight exactly zero.

        Parameters
        ----------
        representations
            `(m, n_dims)`, of length near 1.

        Returns
        -------
        Tensor
            `(m, n_memory)`.
        """
        query = F.normalize(self.encoder(representations * math.sqrt(self.n_dims)), dim=1)  # (m, n_hidden)
        cosine = query @ F.normalize(self.memory, dim=1).T  # (m, n_memory)
        weights = (cosine / self.temperature).softmax(dim=1)
        weights = weights * (weights >= self.shrink / len(self.memory))
        return weights / weights.sum(dim=1, keepdim=True)

    def forward(self, representations: Float[Tensor, "m n_dims"]) -> Float[Tensor, "m n_out"]:
        """Coefficients of the images of representations."""
        read = self.weights(representations) @ self.memory  # (m, n_hidden)
        skip = self.skip(representations * math.sqrt(self.n_dims))  # (m, n_hidden)
        return self.decoder(read + skip) + representations @ self.linear.T

    @torch.no_grad()
    def silence(self) -> None:
        """Let the memory's part say nothing: what is left is the linear map."""
        self.last.weight.zero_()
        self.last.bias.zero_()


class Critic(nn.Module):
    """Tells measured images from generated ones, knowing the representation of each.

    Parameters
    ----------
    n_dims
        Length of a representation.
    n_in
        Coefficients of an image.
    n_hidden
        Width of the hidden layers.
    generator
        CPU generator, source of the initial weights.

    Notes
    -----
    The loss of critic f is `f(made) - f(real) + 10 (|slope| - 1)^2`, mean over genes, the slope that of f at
    a point between the two (Gulrajani et al. 2017).

    The authors' critic sees images alone. A generator that pleases it must make images as noisy as measured
    ones, which is at odds with the expected image that the pixel loss asks for. A critic that knows the gene
    compares its image with those of genes like it.
    """

    def __init__(self, n_dims: int, n_in: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.n_dims = n_dims
        with torch.device("meta"):
            self.layers = nn.Sequential(
                nn.Linear(n_dims + n_in, n_hidden),
                nn.LeakyReLU(0.2),
                nn.Linear(n_hidden, n_hidden),
                nn.LeakyReLU(0.2),
                nn.Linear(n_hidden, 1),
            )
        self.to_empty(device="cpu")
        initialise(self, generator)

    def forward(
        self, representations: Float[Tensor, "m n_dims"], coefficients: Float[Tensor, "m n_in"]
    ) -> Float[Tensor, " m"]:
        """Scores of images, high for what looks measured."""
        # (m, n_dims + n_in)
        both = torch.cat([representations * math.sqrt(self.n_dims), coefficients], dim=1)
        return self.layers(both).squeeze(1)

    def loss(
        self,
        representations: Float[Tensor, "m n_dims"],
        real: Float[Tensor, "m n_in"],
        made: Float[Tensor, "m n_in"],
        between: Float[Tensor, "m 1"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Wasserstein loss with gradient penalty, and the distance that the critic sees.

        Parameters
        ----------
        representations
            Of the genes, `(m, n_dims)`, of length near 1.
        real, made
            Standardised coefficients of their measured and generated images, `(m, n_in)`.
        between
            Where on the line from `made` to `real` the slope is held near 1, from 0 to 1, `(m, 1)`.
        """
        point = (between * real + (1 - between) * made).requires_grad_()  # (m, n_in)
        (slope,) = torch.autograd.grad(
            self(representations, point).sum(), point, create_graph=True
        )  # (m, n_in)
        distance = (self(representations, real) - self(representations, made)).mean()
        penalty = (slope.norm(dim=1) - 1).square().mean()
        return PENALTY * penalty - distance, distance.detach()


class Images(NamedTuple):
    """All that squared errors over cells need to know of images `(P, n)`: nothing here has the size of `n`.

    Parameters
    ----------
    target
        Coefficients by least squares, `(P, K)`.
    cross
        Mean over cells of image times component, `(P, K)`.
    power
        Mean over cells of the squared image, `(P,)`.
    """

    target: Float[Tensor, "P K"]
    cross: Float[Tensor, "P K"]
    power: Float[Tensor, " P"]

    def of(self, rows: Int[Tensor, " batch"]) -> Images:
        """Those of some genes.

        Parameters
        ----------
        rows
            Which, `(batch,)`.
        """
        return Images(self.target[rows], self.cross[rows], self.power[rows])


def in_components(
    images: Float[Tensor, "P n"], basis: Float[Tensor, "n K"]
) -> tuple[Float[Tensor, "K K"], Float[Tensor, " K"], Images]:
    """Images over components, in units in which coefficients have mean square 1 over the genes.

    Parameters
    ----------
    images
        `(P, n)`.
    basis
        Components, `(n, K)`; any may be alike, or empty.

    Returns
    -------
    gram, scale, images
        Mean products of the components in those units, `(K, K)`; the units, `(K,)`, 0 where no image has a
        part; and the images. Sums over cells are in double precision, so that their order leaves no trace.
    """
    n, images, axes = len(basis), images.double(), basis.double()
    gram, cross = axes.T @ axes / n, images @ axes / n  # (K, K), (P, K)
    target = cross @ torch.linalg.pinv(gram, rtol=1e-9, hermitian=True)  # (P, K)
    scale = target.square().mean(dim=0).sqrt()  # (K,)
    least = 1e-6 * scale.max().clamp_min(1e-12)
    alive = (scale > least).double()
    scale, target = scale * alive, target * alive / scale.clamp_min(least)
    parts = (target, cross * scale, images.square().mean(dim=1))
    return (gram * scale * scale[:, None]).float(), scale.float(), Images(*(part.float() for part in parts))


def mean_error(made: Float[Tensor, "m K"], images: Images, gram: Float[Tensor, "K K"]) -> Float[Tensor, ""]:
    """Mean over genes and cells of the squared error.

    Parameters
    ----------
    made
        Coefficients of the images that stand against `images`, `(m, K)`.
    images, gram
        Of `in_components`.
    """
    return (images.power + ((made @ gram - 2 * images.cross) * made).sum(dim=1)).mean()


def ridge(x: Float[Tensor, "m d"], target: Float[Tensor, "m K"], penalty: float) -> Float[Tensor, "K d"]:
    """Ridge regression in closed form, without an intercept.

    Parameters
    ----------
    x
        `(m, d)`.
    target
        `(m, K)`.
    penalty
        Added to the diagonal of `x.T @ x`.

    Returns
    -------
    Tensor
        `(K, d)`.
    """
    x, target = x.double(), target.double()
    gram = x.T @ x + penalty * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return torch.linalg.solve(gram, x.T @ target).T.float()

"""Modules take the shapes that their signatures say, and no others."""

import pytest
import torch
from jaxtyping import TypeCheckError

from sigel.nn.contrast import graph_loss, instance_contrast, target_distribution
from sigel.nn.encoder.masked_autoencoder import Block, spatial_basis
from sigel.nn.memory_gan.networks import in_components
from sigel.nn.mixture.student_t import diagonal_distance
from sigel.nn.mixture.t_mixture import TMixture
from sigel.nn.mixture.tied_gaussian import maximise

a, b = torch.ones(5, 3), torch.ones(4, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: instance_contrast(a, b, 0.1),
        lambda: graph_loss(a, a, torch.ones(5, 1)),
        lambda: target_distribution(a[0]),
        lambda: target_distribution(a.long()),
        lambda: Block(8, 2, 2.0)(torch.ones(5, 8)),
        lambda: spatial_basis(torch.ones(5, 3), 2),
        lambda: diagonal_distance(a, b, a),
        lambda: TMixture(2, 3).log_joint(a[0]),
        lambda: maximise(a, torch.ones(4, 1, 2), 1e-4),
        lambda: in_components(a, b),
    ],
)
def test_another_shape_or_kind_is_refused(call):
    with pytest.raises(TypeCheckError):
        call()


def test_the_shapes_that_are_said_are_taken():
    assert instance_contrast(a, a, 0.1).shape == ()
    assert graph_loss(a, a, torch.ones(5)).shape == ()
    assert TMixture(2, 3).log_joint(a).shape == (5, 2)
    assert spatial_basis(torch.ones(2, 5, 2), 3).shape == (2, 5, 9)

import numpy as np
import pytest

from network import ACTIVATIONS, LOSSES, Architecture
from network.stack import Stack

HIDDEN = [(), (4,), (1,), (4, 3), (3, 4, 2)]


@pytest.mark.parametrize("hidden", HIDDEN, ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rows", [1, 5])
def test_backpropagation_agrees_with_central_differences(hidden, activation, loss, rows):
    """For every parameter of three networks at once, weights and biases, in float64."""
    architecture = Architecture(3, 2, hidden, activation=activation, loss=loss, dtype="float64")
    rng = np.random.default_rng(1)
    stack = Stack(architecture, seeds=[0, 1, 2])
    stack.parameters[...] = rng.normal(size=stack.parameters.shape)
    x = rng.normal(size=(3, rows, 3))
    targets = np.eye(2)[rng.integers(2, size=(3, rows))]

    def mean_losses():
        losses = np.empty((3, rows))
        LOSSES[loss].gradient(stack.forward(x), targets, stack.output_gradients(rows), losses)
        return losses.mean(axis=1)

    mean_losses()
    stack.backward(x)
    gradients, step = stack.gradients.copy(), 1e-6
    for p in range(stack.parameters.shape[1]):
        kept = stack.parameters[:, p].copy()
        stack.parameters[:, p] = kept + step
        up = mean_losses()
        stack.parameters[:, p] = kept - step
        down = mean_losses()
        stack.parameters[:, p] = kept
        np.testing.assert_allclose(gradients[:, p], (up - down) / (2 * step), rtol=1e-5, atol=1e-8)

import numpy as np
import pytest

from network import INITIALIZERS

VARIANCES = {"he": lambda inputs, outputs: 2 / inputs, "glorot": lambda inputs, outputs: 2 / (inputs + outputs)}


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize(("inputs", "outputs"), [(50, 400), (400, 50)])
def test_weights_have_mean_zero_and_the_papers_variance(name, inputs, outputs):
    """20,000 weights: the mean lies within five standard errors of 0, the variance within 6 % of the paper's."""
    weights = INITIALIZERS[name].draw(np.random.default_rng(0), inputs, outputs)
    variance = VARIANCES[name](inputs, outputs)
    assert weights.shape == (inputs, outputs)
    assert abs(weights.mean()) < 5 * (variance / weights.size) ** 0.5
    assert weights.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_follow_from_the_generator(name):
    """The same seed draws the same weights, another seed others."""
    first, again, other = (INITIALIZERS[name].draw(np.random.default_rng(seed), 7, 5) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)

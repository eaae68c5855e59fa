"""Quantiles of what is in order: NumPy's, bit for bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strategies.models.quantiles import middle, quantile

VALUES = st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=30).map(sorted)


@given(VALUES)
def test_the_middle_is_the_median(values):
    """As NumPy has it, also with one value left out."""
    assert middle(values) == np.median(values)
    for place in range(len(values) if len(values) > 1 else 0):
        assert middle(values, place) == np.median([*values[:place], *values[place + 1 :]])


@given(VALUES, st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]))
def test_a_quantile_is_the_percentile(values, share):
    """As NumPy has it, between neighbours on a line."""
    values = [value / 4 for value in values]  # differences do not overflow
    assert quantile(values, share) == np.percentile(values, 100 * share)

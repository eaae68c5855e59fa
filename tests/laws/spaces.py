"""Generators of spaces and of points in them."""

import numpy as np
from hypothesis import strategies as st

from strategies import Choice, Float, Int, Space

_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(-5, 5), st.sampled_from(["", "a", "ß", "sgd"])
)


@st.composite
def _intervals(draw, kind, whens):
    log = draw(st.booleans())
    numbers = st.integers(1, 300) if kind is Int else st.floats(1e-6, 1e6)
    low = draw(numbers)
    high = low + draw(st.just(0) | numbers)
    if not log and draw(st.booleans()):
        low, high = -high, -low
    points = draw(st.integers(1, 4)) if kind is Float else draw(st.none() | st.integers(1, 4))
    return kind(low, high, log=log, points=points, when=draw(whens))


@st.composite
def _choices(draw, whens):
    values = draw(st.lists(_SCALARS, min_size=1, max_size=4, unique_by=lambda v: (v is None, v)))
    return Choice(*values, when=draw(whens))


@st.composite
def _conditions(draw, parameters):
    parents = [name for name, each in parameters.items() if isinstance(each, Choice | Int)]
    chosen = draw(st.lists(st.sampled_from(parents), max_size=2, unique=True)) if parents else []
    when = {}
    for parent in chosen:
        domain = parameters[parent]
        possible = domain.values if isinstance(domain, Choice) else tuple(domain.levels(3))
        wanted = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=2, unique_by=repr))
        when[parent] = wanted[0] if len(wanted) == 1 else wanted
    return when or None


@st.composite
def spaces(draw, *, max_size=5, parents_first=False):
    """A space of all kinds of parameter, every float with a resolution, conditions up to any depth, in any order."""
    parameters = {}
    for i in range(draw(st.integers(1, max_size))):
        whens = _conditions(parameters)
        parameters[f"p{i}"] = draw(_intervals(Float, whens) | _intervals(Int, whens) | _choices(whens))
    names = list(parameters) if parents_first else draw(st.permutations(list(parameters)))
    return Space({name: parameters[name] for name in names})


def coordinates(space):
    """Encoded points, ends and beyond-the-middle included, shape (dimension,)."""
    unit = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5, float(np.nextafter(1, 0))])
    return st.lists(unit, min_size=space.dimension, max_size=space.dimension).map(np.array)

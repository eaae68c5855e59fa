"""Evolution over a history: its trials a generation at a time, in the order of their numbers."""

from collections.abc import Callable, Sequence
from math import inf
from operator import is_
from typing import Final, Generic, TypeVar

from strategies.pages import SIZE, Page, differing, page_at, pages_of
from strategies.trial import State, Trial

S = TypeVar("S")

_RECENT: Final = 32


class Generations(Generic[S]):
    """The states of a search that learns from `size` trials at a time: `start`, and one after each generation.

    `step(state, generation)` returns the next state and leaves the one before as it was, or None while the generation
    has to be waited for; the last generation may not be full. A state follows from the trials alone. What was computed
    is kept only to begin again at the first generation that has changed: of the states the latest, and every 32nd.
    """

    def __init__(self, start: S, size: int, step: Callable[[S, Sequence[Trial]], S | None]) -> None:
        self._size = size
        self._step = step
        self._known: tuple[Sequence[Page], dict[int, S]] = ((), {0: start})

    def after(self, trials: Sequence[Trial]) -> tuple[int, S]:
        """Return how many generations have been learned from, and the state after them."""
        now = pages_of(trials)
        before, states = self._known
        unchanged = _agreement(before, now) // self._size
        states = {g: state for g, state in states.items() if g <= unchanged}
        g = max(states)
        state = states[g]
        while generation := trials[g * self._size : (g + 1) * self._size]:
            following = self._step(state, generation)
            if following is None:
                break
            g, state = g + 1, following
            states[g] = state
        kept = {i: each for i, each in states.items() if i > g - _RECENT or i % _RECENT == 0}
        self._known = now, kept  # in one assignment: threads may ask side by side
        return g, state


def _agreement(before: Sequence[Page], now: Sequence[Page]) -> int:
    """Return how many trials at the beginning are the very same objects."""
    for index in differing(before, now):
        alike = [*map(is_, page_at(before, index), page_at(now, index)), False].index(False)
        if alike < SIZE:
            return index * SIZE + alike
    return sum(map(len, now))


def is_known(trial: Trial) -> bool:
    """Tell whether there is something to judge the trial by: a value, or that it ended without one."""
    return bool(trial.curve) or trial.state.ended


def loss_within(trial: Trial, epochs: int) -> float:
    """Return the best value of the first `epochs` epochs; infinity for a trial that failed or has none."""
    return inf if trial.state is State.FAILED else min(trial.curve[:epochs], default=inf)

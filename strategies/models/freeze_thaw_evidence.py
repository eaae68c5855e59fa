"""Which trials freeze-thaw looks at, kept in order from one decision to the next: a long history costs no more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from strategies.following import Kept, Ranking, Sum
from strategies.trial import State

if TYPE_CHECKING:
    from strategies.trial import History, Trial


def considered(history: "History", most: int) -> "list[Trial]":
    """Return trials by number: of more than `most` with something to tell, about so many.

    A third each are the best, the best that are paused, and the latest; and there are those that are running.
    """
    if _TELLING.of(history).total <= most:
        return list(history.trials)
    share, count = most // 3, len(history.trials)
    numbers = {number for _, number in (*_BEST.of(history).entries[:share], *_ABLE.of(history).entries[:share])}
    numbers.update(range(count - share, count), _RUNNING.of(history).entries)
    return [history.trials[number] for number in sorted(numbers)]


def best(history: "History", count: int) -> "list[Trial]":
    """Return the best trials, the first one first; of equal ones the earlier."""
    return [history.trials[number] for _, number in _BEST.of(history).entries[:count]]


def paused(history: "History") -> Sequence[tuple[int, int]]:
    """Return epochs and number of each paused trial, rising; to be looked at here and there, and never changed."""
    return _PAUSED.of(history).entries


def unseen(history: "History") -> "list[Trial]":
    """Return the open trials without a value."""
    return [history.trials[number] for number in _UNSEEN.of(history).entries]


def spent(history: "History") -> int:
    """Return the epochs of all trials but those that are running."""
    return _SPENT.of(history).total


def tells(trial: "Trial") -> bool:
    """Tell whether there is something to learn from the trial."""
    return trial.state is State.FAILED or (len(trial.curve) > 0 and trial.state is not State.DISCARDED)


def _value(trial: "Trial") -> tuple[float, int]:
    return trial.value, trial.number


def _able(trial: "Trial") -> tuple[float, int] | None:
    return _value(trial) if trial.state is State.PAUSED and trial.curve else None


def _age(trial: "Trial") -> tuple[int, int] | None:
    return (trial.epochs, trial.number) if trial.state is State.PAUSED else None


def _running(trial: "Trial") -> int | None:
    return trial.number if trial.state is State.RUNNING else None


def _unseen(trial: "Trial") -> int | None:
    return None if trial.state.ended or trial.curve else trial.number


def _spent(trial: "Trial") -> int:
    return 0 if trial.state is State.RUNNING else trial.epochs


_TELLING: Final = Kept(lambda: Sum(tells))
_BEST: Final = Kept(lambda: Ranking(_value))
_ABLE: Final = Kept(lambda: Ranking(_able))
_PAUSED: Final = Kept(lambda: Ranking(_age))
_RUNNING: Final = Kept(lambda: Ranking(_running))
_UNSEEN: Final = Kept(lambda: Ranking(_unseen))
_SPENT: Final = Kept(lambda: Sum(_spent))

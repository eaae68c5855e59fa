"""What freeze-thaw's model says of the trials of a history, and of points that might be tried."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from strategies.models.acquisition import log_improvement
from strategies.models.features import Features
from strategies.models.freeze_thaw import JITTER, Array, Counts, Joint, posterior
from strategies.models.freeze_thaw_evidence import considered, unseen
from strategies.models.freeze_thaw_fit import fit
from strategies.models.thinned_curves import Observed, Standard
from strategies.trial import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strategies.trial import History, Params, Trial

_TINY: Final = 1e-12
"""The variance of what is known."""


@dataclass(frozen=True, eq=False)
class Outlook:
    """The posterior over rows: trials with a value, then those without one yet, then new points.

    A running trial counts as if it had reached the end of its job as expected, so that what would tell the same as it
    is worth less. Values are in standard units.
    """

    trials: "Sequence[Trial]"
    proposals: "Sequence[Params]"
    joint: Joint
    standard: Standard
    mean: Array
    """Of the asymptotes, shape (rows,)."""
    covariance: Array
    """Of the asymptotes, shape (rows, rows)."""
    lengths: Counts
    """How many points of the grid each row has been seen at, shape (rows,)."""
    ends: Counts
    """The epoch at which each row's next job ends, or its current one, shape (rows,)."""
    gain: Array
    """The precision about its asymptote that a row has gained then, shape (rows,)."""

    @property
    def paused(self) -> NDArray[np.int64]:
        """The rows of trials that can be resumed."""
        return _rows_in(State.PAUSED, self.trials)

    @property
    def new(self) -> NDArray[np.int64]:
        """The rows of points that no trial has."""
        return np.arange(len(self.trials), len(self.mean))

    @property
    def best(self) -> float:
        """The best value there is."""
        return float(self.standard.standardised([min(trial.value for trial in self.trials)])[0])

    def improvement(self) -> Array:
        """Return the log of how much each row's asymptote is expected to lie below the lowest expected of a trial's."""
        seen = self.mean[: len(self.joint.precision)]
        failed = [trial.state is State.FAILED for trial in self.trials[: len(seen)]]
        lowest = float(np.where(failed, np.inf, seen).min())
        return log_improvement(self.mean, np.sqrt(self.covariance.diagonal()), lowest).value

    def values(self, further: int | None = None) -> tuple[Array, Array]:
        """Return mean and standard deviation of each row's value `further` points of the grid on, or at its end."""
        last = len(self.joint.ones) - 1
        times = np.minimum(self.lengths + further - 1, last) if further else np.full(len(self.lengths), last)
        n, variance = len(self.joint.precision), self.covariance.diagonal()
        old = self.joint.ahead(times[:n], self.mean[:n], variance[:n])
        new = self.joint.first(times[n:], self.mean[n:], variance[n:])
        variances = np.concatenate([old[1], new[1]])
        return np.concatenate([old[0], new[0]]), np.sqrt(np.maximum(variances, _TINY))


def outlook(
    history: "History", proposals: "Sequence[Params]", *, step: int, most: int, kernel: str, warp: bool, restarts: int
) -> Outlook | None:
    """Return the outlook on a history whose jobs take `step` epochs; None while there are not two curves to learn from.

    The prior is fitted to what is steady of the history, and so seldom anew. Of more than `most` trials some stand for
    all.
    """
    observed = Observed(considered(history, most), history.max_epochs, step)
    chosen, lengths = observed.steady(len(history.trials))
    standard = observed.standard(chosen, lengths)
    if standard is None:
        return None
    count = len(observed.trials)
    trials = [*observed.trials, *unseen(history)]
    features = Features(history.space)
    points = features(history.space.encode_all([*(trial.params for trial in trials), *proposals]))
    shown = observed.curves(points[chosen], standard, chosen, lengths, ahead=False)
    prior = fit(shown, tuple(features.groups.tolist()), kernel=kernel, warp=warp, restarts=restarts)
    everything = observed.curves(points[:count], standard, range(count), observed.lengths, ahead=True)
    joint = posterior(prior, everything)
    among = prior.asymptotes(points, points)
    mean, covariance = joint.asymptotes(among[:count], among)
    covariance += JITTER * prior.amplitude**2 * np.eye(len(points))
    lengths = np.concatenate([observed.lengths, np.zeros(len(points) - count, dtype=np.int64)])
    epochs = [trial.epochs for trial in trials] + [0] * len(proposals)
    ends = np.array([next_end(each, step, history.max_epochs) for each in epochs])
    longer = np.minimum(np.maximum(observed.reached(ends.tolist()), lengths + 1), len(joint.ones))
    gain = joint.gain(lengths, longer)
    covariance = _believing(covariance, _rows_in(State.RUNNING, trials), gain)
    return Outlook(trials, proposals, joint, standard, mean, covariance, lengths, ends, gain)


def next_end(epochs: int, step: int, max_epochs: int) -> int:
    """Return the epoch at which the next job of a trial of so many epochs ends: a multiple of `step`, or the last."""
    return min((epochs // step + 1) * step, max_epochs)


def _believing(covariance: Array, rows: NDArray[np.int64], precision: Array) -> Array:
    """Return the covariance once each of `rows` has been observed with its precision; means are believed to stay."""
    rows = rows[precision[rows] > 0]
    across = covariance[rows]
    observed = across[:, rows] + np.diag(1.0 / precision[rows])
    return covariance - across.T @ np.linalg.solve(observed, across)


def _rows_in(state: State, trials: "Sequence[Trial]") -> NDArray[np.int64]:
    return np.flatnonzero([trial.state is state for trial in trials])

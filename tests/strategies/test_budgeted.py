"""Budgeted model selection: its grid, its criterion, its bandit, and the schedulers built on them."""

from collections import Counter
from math import inf, log, sqrt

import numpy as np
import pytest
from simulator import Search

from strategies import Choice, Float, History, Int, Random, Resume, Space, Start, State, Strategy, StrategyError, Trial
from strategies.following import Ranking
from strategies.models.classes import size_parameter
from strategies.models.model_selection import coarse_grid, criterion, optimistic_risk
from strategies.schedulers.budgeted import Budgeted, by_value
from strategies.schedulers.budgeted_bandit import BudgetedBandit

RNG = np.random.default_rng(0)
WIDTHS = Space(rate=Float(0, 1), hidden=Int(1, 64))
KINDS = Space(x=Float(0, 1), kind=Choice("a", "b", "c"))


def seen(trials, *, space=WIDTHS, max_epochs=4, n_trials=100, budget=None):
    open_trials = {trial.number: trial for trial in trials if not trial.state.ended}
    return History(space, tuple(trials), open_trials, max_epochs, n_trials, budget)


def test_the_worked_example():
    """Sizes d = 1 … 64, penalty d / 1000 in T/s = 1e6, slack 1: doublings; the criterion chooses 16, within the bound."""
    sizes = range(1, 65)
    penalties = [sqrt(d / (1e6 / d)) for d in sizes]
    grid = [sizes[i] for i in coarse_grid(penalties, 1.0)]
    assert grid == [1, 2, 4, 8, 16, 32, 64]
    risk = {d: 0.1 + 0.5 / d for d in sizes}
    found = [criterion(risk[d], d / 1000, 1e6 / d, len(grid), kappa=0) for d in grid]
    assert found == pytest.approx([0.601, 0.352, 0.229, 0.1705, 0.14725, 0.147625, 0.171813], abs=5e-7)
    assert grid[int(np.argmin(found))] == 16
    oracle = {d: risk[d] + 2 * d / 1000 for d in sizes}
    assert min(oracle, key=oracle.__getitem__) == 16
    assert oracle[16] == pytest.approx(0.16325)
    bound = min(risk[d] + 2 * (1 + 1.0) * d / 1000 for d in sizes)
    assert bound == pytest.approx(0.18945, abs=5e-6)
    assert risk[16] <= bound


def test_every_class_has_one_that_stands_for_it():
    """For rising penalties of any kind, some member is no smaller than a class and has 1 + slack of its penalty at most.

    There are no more members than the logarithm of the range allows, two a factor 1 + slack.
    """
    rng = np.random.default_rng(1)
    for _ in range(300):
        penalties = np.cumsum(rng.exponential(size=int(rng.integers(1, 60))) ** 2 + 1e-9)
        slack = float(rng.choice([0.1, 0.5, 1.0, 3.0]))
        grid = coarse_grid(penalties.tolist(), slack)
        assert grid[0] == 0
        assert grid[-1] == len(penalties) - 1
        for i, penalty in enumerate(penalties):
            assert any(j >= i and penalty <= penalties[j] <= (1 + slack) * penalty for j in grid)
        assert len(grid) <= 2 * (log(penalties[-1] / penalties[0]) / log(1 + slack) + 1)


def regression(degree, inputs, targets):
    """The least-squares polynomial of a degree, as a function."""
    return np.polynomial.legendre.Legendre.fit(inputs, targets, degree, domain=[-1, 1])


def test_polynomial_regression_stays_within_the_bound():
    """The degree chosen on n = T/(s d) samples has a true risk within min_i R_i* + 2(1 + slack) penalty_i + confidence.

    Inputs are uniform, so that the best risk of a degree is the variance plus the Legendre series left out.
    """
    noise, degrees = 0.1, np.arange(1, 17)
    series = np.array([0.7**k for k in range(40)])
    truth = np.polynomial.legendre.Legendre(series)
    tails = np.array([sum(series[k] ** 2 / (2 * k + 1) for k in range(d + 1, 40)) for d in degrees])
    best = noise**2 + tails
    for seed in range(8):
        rng = np.random.default_rng(seed)
        share = 16_000
        penalties = 0.05 * np.sqrt(degrees / (share / degrees))
        grid = coarse_grid(penalties.tolist(), 1.0)
        criteria, risks = [], []
        for j in grid:
            n = share // int(degrees[j])
            inputs = rng.uniform(-1, 1, n)
            targets = truth(inputs) + rng.normal(0, noise, n)
            fitted = regression(int(degrees[j]), inputs, targets)
            training = float(np.mean((fitted(inputs) - targets) ** 2))
            criteria.append(criterion(training, penalties[j], n, len(grid), kappa=0.05))
            where = np.linspace(-1, 1, 2001)
            risks.append(noise**2 + float(np.mean((fitted(where) - truth(where)) ** 2)))
        confidence = 0.05 * np.sqrt((2 * 3 + log(len(grid))) / (share / degrees))
        bound = np.min(best + 2 * 2.0 * penalties + confidence)
        assert risks[int(np.argmin(criteria))] <= bound


def pulls(quanta, risks, samples, penalty):
    """The quanta that each class gets when the risk it shows is that of its best model."""
    got = [1] * len(risks)
    for _ in range(len(risks), quanta):
        scores = [
            optimistic_risk(
                risks[i],
                penalty(samples[i] * got[i]),
                penalty(samples[i] * quanta),
                samples=samples[i] * got[i],
                quanta=quanta,
                classes=len(risks),
            )
            for i in range(len(risks))
        ]
        got[int(np.argmin(scores))] += 1
    return got


def test_the_bandit_leaves_bad_classes():
    """Sizes 1, 4, 16, 64 of risk 0.1 + 0.5/d, 2000/d samples a quantum: the bad get one or two, the best the most.

    A bad class gets no more than ((c + sqrt(ln T + ln K)) / gap)^2 / n of T quanta, and one.
    """
    sizes, c = (1, 4, 16, 64), 0.3
    risks, samples = [0.1 + 0.5 / d for d in sizes], [2000 / d for d in sizes]
    for quanta in (100, 500, 2000):
        got = pulls(quanta, risks, samples, lambda n: c / sqrt(n))
        assert sum(got) == quanta
        assert max(got[:2]) <= 2
        for i in range(3):
            gap = risks[i] + c / sqrt(quanta * samples[i]) - risks[3] - c / sqrt(quanta * samples[3])
            assert got[i] <= 1 + ((c + sqrt(log(quanta) + log(4))) / gap) ** 2 / samples[i]
    assert got[3] > 0.95 * 2000


def test_sizes_get_equal_shares_of_time():
    """At any moment no size has cost more than another and a trial of its own; the searcher proposes the rest."""
    search = Search(Strategy(Random(), Budgeted()), WIDTHS, lambda n, e: 1.0, max_epochs=3, n_trials=150)
    spent = Counter(dict.fromkeys([1, 2, 4, 8, 16, 32, 64], 0))
    for trial in search.run():
        size = trial.params["hidden"]
        assert spent[size] == min(spent.values())
        spent[size] += size
    assert len(spent) == 7
    assert len({trial.params["rate"] for trial in search.trials}) == 150


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({"cost_power": 0.0, "slack": 1.0}, [1, 4, 16, 64]),
        ({"cost_power": 3.0, "slack": 3.0}, [1, 2, 4, 8, 16, 32, 64]),
        ({"slack": 7.0}, [1, 8, 64]),
    ],
)
def test_spacing_follows_the_penalty(settings, sizes):
    """Penalties after equal time grow as d^((1 + cost_power) / 2): neighbours are a factor 1 + slack of that apart."""
    trials = Search(
        Strategy(Random(), Budgeted(**settings)), WIDTHS, lambda n, e: 1.0, max_epochs=1, n_trials=len(sizes)
    ).run()
    assert [trial.params["hidden"] for trial in trials] == sizes


def test_the_budget_is_never_exceeded():
    """Whatever the budget, the epochs trained stay within it, and no further trial would have fitted."""
    for budget in (0, 5, 37, 100):
        search = Search(Strategy(Random(), Budgeted()), WIDTHS, lambda n, e: 1.0, max_epochs=3, budget=budget)
        assert budget - 3 < sum(trial.epochs for trial in search.run()) <= budget


def test_luck_is_paid_for():
    """A value reached by one of many trials must be better by what their number can be off; penalty 0 takes the best."""
    many = [Trial(i, {}, State.COMPLETE, (0.5,), bracket=0) for i in range(99)]
    trials = [
        *many,
        Trial(99, {}, State.COMPLETE, (0.10,), bracket=0),
        Trial(100, {}, State.COMPLETE, (0.11,), bracket=1),
    ]
    chosen = Budgeted(validation=1000).selected(trials, ranked(trials), [1, 100])
    assert chosen.trial.number == 100
    assert chosen.size == 100
    by_hand = 0.11 + sqrt(log(2) / 2000) + sqrt(log(2) / 1000) / 2
    assert chosen.criterion == pytest.approx(by_hand)
    assert Budgeted(penalty=0).selected(trials, ranked(trials), [1, 100]).trial.number == 99
    failed = [Trial(0, {}, State.FAILED)]
    assert Budgeted().selected(failed, ranked(failed), [1, 100]) is None


def ranked(trials):
    """The trials by class and value."""
    ranking = Ranking(by_value)
    ranking.update(trials)
    return ranking


def test_starts_at_the_greatest_size_tell_the_standing():
    """The reason names the trial selected among those before the last such start; all of them have ended by then."""
    space = Space(hidden=Choice(2, 1), x=Float(0, 1))
    curve = lambda number, epoch: 0.1 * (number + 1)  # noqa: E731
    search = Search(Strategy(Random(), Budgeted()), space, curve, max_epochs=1, n_trials=10, workers=4)
    search.run()
    brackets = [trial.bracket for trial in search.trials]
    assert brackets == [0, 1, 0, 0, 1, 0, 0, 1, 0, 0]
    told = {number: reason for number, _, reason in search.log if "selected" in reason}
    assert list(told) == [4, 7]
    assert '"trial": 0' in told[4]
    unended = [Trial(i, {"hidden": b + 1, "x": 0.1}, State.RUNNING, bracket=b) for i, b in enumerate(brackets[:4])]
    assert not isinstance(Budgeted().decide(seen(unended, space=space), RNG), Start)


def test_interrupted_trials_come_first():
    """A trial paused before max_epochs is resumed to the end, in both schedulers."""
    paused = Trial(0, {"rate": 0.5, "hidden": 1}, State.PAUSED, (1.0, 1.0))
    for scheduler in (Budgeted(), BudgetedBandit()):
        assert scheduler.decide(seen([paused]), RNG) == Resume(0, 4, reason={"interrupted_at": 2})


@pytest.mark.parametrize(
    ("space", "name"),
    [
        (Space(a=Int(1, 900), n_hidden=Int(4, 8)), "n_hidden"),
        (Space(a=Int(1, 9), b=Int(1, 90), c=Choice(1, 500)), "b"),
        (Space(layers=Int(0, 3), width=Choice(8, 16)), "width"),
        (Space(layers=Choice("few", "many"), x=Float(0, 1)), None),
        (Space(deep=Choice(True, False), units=Int(1, 9, when={"deep": True})), None),  # noqa: FBT003
    ],
)
def test_what_a_size_is(space, name):
    """The size is an unconditional whole number from 1 or a choice of positive ones: by its name, else the widest Int."""
    assert size_parameter(space) == name


@pytest.mark.parametrize(
    ("scheduler", "space", "said"),
    [
        (Budgeted(), Space(x=Float(0, 1)), "the space has no size"),
        (Budgeted("hiden"), WIDTHS, "no parameter 'hiden'. Did you mean 'hidden'"),
        (Budgeted("rate"), WIDTHS, "'rate' is no size"),
        (BudgetedBandit(), Space(x=Float(0, 1)), "the space has no classes"),
        (BudgetedBandit("rat"), WIDTHS, "Did you mean 'rate'"),
        (BudgetedBandit("rate"), WIDTHS, "'rate' makes no classes"),
    ],
)
def test_a_space_without_classes_is_refused(scheduler, space, said):
    """The message says which parameter is wrong, and what it must be."""
    with pytest.raises(StrategyError, match=said):
        scheduler.check_space(space)
    scheduler.__class__().check_space(Space(hidden=Int(1, 9)))


def test_the_bandit_finds_the_better_kind():
    """Of three kinds whose values are uniform from 0, 0.2 and 0.4 on, the first gets most of 60 trials, all one at least.

    The outcome is the same in any units of the objective.
    """

    def run(seed, factor=1.0, shift=0.0):
        def curve(number, epoch):
            low = {"a": 0.4, "b": 0.2, "c": 0.0}[search.trials[number].params["kind"]]
            return shift + factor * (low + np.random.default_rng((seed, number)).uniform(0, 0.3))

        search = Search(Strategy(Random(), BudgetedBandit()), KINDS, curve, max_epochs=1, n_trials=60)
        return Counter(trial.params["kind"] for trial in search.run())

    counts = [run(seed) for seed in range(5)]
    assert all(min(count.values()) >= 1 for count in counts)
    assert all(count["c"] > 40 for count in counts)
    assert run(0, factor=1024.0, shift=-256.0) == counts[0]


def test_a_kind_that_only_fails_is_left():
    """A class whose trials all fail gets its first trial and no other, while others have values."""
    search = Search(
        Strategy(Random(), BudgetedBandit()),
        KINDS,
        lambda number, epoch: inf if search.trials[number].params["kind"] == "a" else 0.5,
        max_epochs=1,
        n_trials=20,
    )
    assert Counter(trial.params["kind"] for trial in search.run())["a"] == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Budgeted(slack=0), "slack must be a finite number of at least 0.01"),
        (lambda: Budgeted(validation=0), "validation must be an integer of at least 1"),
        (lambda: BudgetedBandit(kappa=-1), "kappa must be a finite number of at least 0"),
    ],
)
def test_wrong_settings_are_named(make, said):
    """A setting out of bounds raises a StrategyError that says which, and what it may be."""
    with pytest.raises(StrategyError, match=said):
        make()

"""A search in a real database without training: carried on by any number of hands, and operated on half-way."""

import numpy as np
from crew import Hand
from evidence import rows

from storage.codec import encode
from storage.database import Database
from storage.exchange.work import Checkpoint, Measurement, Progress, Report
from storage.studies import StudySpec, create_study, load_study
from strategies import Choice, Float, Int, Space, State, Targets

SPACE = Space(x=Float(0, 1, points=3), hidden=Int(4, 16, log=True, points=2), kind=Choice("a", "b"))
WIDER = Space(x=Float(-1, 1, points=4), hidden=Int(2, 16, log=True, points=2), kind=Choice("a", "b", "c"))
NAME = "operated"
STEPS = 5_000


def value(params, seed, epoch):
    """What a trial measures after an epoch."""
    noise = float(np.random.default_rng((seed, epoch)).random())
    return (
        (params["x"] - 0.3) ** 2
        + 1 / params["hidden"]
        + {"a": 0.2, "b": 0.1, "c": 0.0}[params["kind"]] / epoch
        + noise / 4
    )


def breaks(seed, epoch):
    """Whether a trial fails at an epoch as long as something is broken: some do, in their first or second epoch."""
    return seed % 5 == 3 and epoch == 1 + seed % 2


class Worker(Hand):
    """A hand that trains by the formula; while something is `broken` some trials fail."""

    def __init__(self, url, study, *, broken=False, database=None):
        super().__init__(url, study, database=database)
        self.broken = broken

    def report(self, claim, *, short=0):
        """Train a claim to the end of its job, but for the last epochs; take it off the desk."""
        self.claims.pop(claim.job.number, None)
        curve, new, until = list(claim.curve), [], claim.job.until - short
        assert curve == [value(claim.params, claim.seed, epoch) for epoch in range(1, len(curve) + 1)]
        error = claim.disinherited
        while error is None and len(curve) < until:
            epoch = len(curve) + 1
            if self.broken and breaks(claim.seed, epoch):
                error = "it broke"
                break
            curve.append(value(claim.params, claim.seed, epoch))
            new.append(Measurement(epoch, curve[-1], None, 1.0))
        kept = Checkpoint(len(curve), encode({"curve": np.array(curve)})) if curve else None
        progress = Progress(claim, curve, claim.seconds + len(new), new, kept)
        if error is not None:
            return Report(progress, State.FAILED, error=error)
        last = claim.job.until >= self.study.spec.targets.max_epochs
        return Report(progress, State.COMPLETE if last else State.PAUSED)


def new_study(url, strategy, *, n_trials=10, max_epochs=4, lag=3):
    """Create the study that is to be operated on."""
    database = Database(url, create=True)
    spec = StudySpec(NAME, SPACE, strategy, {}, 8, Targets(max_epochs, n_trials), parallelism=lag)
    try:
        return create_study(database, spec)
    finally:
        database.close()


def begin(url, study, jobs):
    """Carry the search on with one hand until about so many jobs have ended; give back what is half done."""
    hand = Worker(url, study, broken=True)
    reports, ended = [], 0
    while ended < jobs:
        claims = hand.exchange(reports, jobs=2)
        if not claims:
            break
        reports = [hand.report(claim) for claim in claims.values()]
        ended += len(claims)
        if ended >= jobs:  # the last of them is cut short, and left for another to claim
            claim = list(claims.values())[-1]
            last = reports.pop()
            hand.exchange(reports, jobs=0)
            hand.worklist.release([hand.report(claim, short=1).progress if last.progress.new else last.progress])
            reports = []
    hand.exchange(reports, jobs=0)
    hand.database.close()


def finish(url, workers, *, seed=0, dying=0.0):
    """Carry the search on to its end: several hands in any order, some of which die with what they hold."""
    chance = np.random.default_rng((seed, workers))
    database = Database(url)
    study = load_study(database, NAME)
    crew = [Worker(url, study, database=database) for _ in range(workers)]
    dead, idle = [], 0
    for _ in range(STEPS):
        place = int(chance.integers(workers))
        hand = crew[place]
        if hand.claims and chance.random() < dying:
            dead.append(hand.id)
            crew[place] = hand = Worker(url, study, database=database)
        reports = [hand.report(claim) for claim in list(hand.claims.values())]
        claims = hand.exchange(reports, dead=dead)
        dead = []
        if hand.result.outdated:
            raise AssertionError("nobody has changed the study")
        idle = 0 if claims or reports else idle + 1
        if hand.result.complete:
            break
        assert idle < 50 * workers, "it waits for ever"
    else:
        raise AssertionError("the search does not end")
    database.close()


def result(url, *, log):
    """What must not depend on who carried the search on; with `log`, every decision and its reason as well."""
    columns = (
        "number, params, seed, bracket, rung, parent, state, epochs, value, best_epoch, stop_reason, error, attempts"
    )
    found = {
        "trials": rows(url, f"SELECT {columns} FROM trials ORDER BY number"),
        "measurements": rows(url, "SELECT trial, epoch, value FROM measurements ORDER BY trial, epoch"),
        "state": rows(url, "SELECT state, n_trials, max_epochs, edition FROM studies"),
    }
    if log:
        jobs = "number, trial, from_epoch, until_epoch, bracket, rung, seen, reason, outcome, end_epoch"
        found["jobs"] = rows(url, f"SELECT {jobs} FROM jobs ORDER BY number")
    return found

"""Workers without training: what a trial measures is a formula, and they carry out claims in any order they are told."""

from math import inf

import numpy as np

from storage.codec import encode
from storage.database import Database
from storage.exchange.work import Checkpoint, Measurement, Progress, Report, Wanted
from storage.exchange.workers import Worker, register
from storage.exchange.worklist import LEASE, Worklist
from storage.schema.tables import metadata
from storage.studies import StudySpec, create_study
from strategies import Float, Space, State, Strategy, Targets

SPACE = Space(x=Float(0, 1, points=9))


def measured(params, seed, epoch):
    """The value after an epoch; infinity where the objective fails: above 0.9 in the first, above 0.65 in the second."""
    x = params["x"]
    if x > 0.9 or (x > 0.65 and epoch > 1):
        return inf
    return (x - 0.3) ** 2 + x / epoch + float(np.random.default_rng((seed, epoch)).random())


def new_study(url, strategy=None, *, name="crew", space=SPACE, n_trials=9, max_epochs=4, budget=None, **settings):
    """Create a study in the database at `url`, which is made if need be."""
    database = Database(url, create=True)
    targets = Targets(max_epochs, n_trials, budget)
    try:
        return create_study(database, StudySpec(name, space, strategy or Strategy(), {}, 8, targets, **settings))
    finally:
        database.close()


class Hand:
    """One worker: a database (its own unless given), a worklist, and the jobs it believes that it holds."""

    def __init__(self, url, study, lease=LEASE, database=None):
        self.study = study
        self.database = database or Database(url)
        self.worker = Worker.here()
        register(self.database, study.id, self.worker)
        self.worklist = Worklist(self.database, study, self.worker, lease)
        self.claims = {}

    @property
    def id(self):
        return self.worker.id

    def exchange(self, reports=(), jobs=1, dead=(), **wanted):
        """Report, claim; return the new claims by the number of their job."""
        self.result = self.worklist.exchange(list(reports), Wanted(jobs, **({"ahead": jobs} | wanted)), list(dead))
        claims = {claim.job.number: claim for claim in self.result.claims}
        self.claims |= claims
        return claims

    def one(self):
        """Claim one job; return its claim."""
        (claim,) = self.exchange().values()
        return claim

    def report(self, claim):
        """Train a claim to the end of its job, and take it off the desk."""
        self.claims.pop(claim.job.number, None)
        progress = train(claim, checkpointed=True)
        complete = claim.job.until == self.study.spec.targets.max_epochs
        if len(progress.curve) < claim.job.until:
            return Report(progress, State.FAILED, error="it diverged", traceback="Traceback")
        return Report(progress, State.COMPLETE if complete else State.PAUSED)

    def work(self):
        """Do everything there is to do alone, one job after another."""
        reports = []
        while True:
            claims = self.exchange(reports)
            reports = [self.report(claim) for claim in claims.values()]
            if not claims:
                return self.result


def train(claim, until=None, *, checkpointed=False):
    """Train a claim by the formula, as far as it goes or to epoch `until`; it must begin where the trial stands."""
    past = [measured(claim.params, claim.seed, epoch) for epoch in range(1, claim.epochs + 1)]
    assert list(claim.curve) == past
    assert (claim.state is None) == (claim.epochs == 0)
    assert claim.state is None or claim.state["curve"].tolist() == past
    until = claim.job.until if until is None else until
    values = [measured(claim.params, claim.seed, epoch) for epoch in range(claim.epochs + 1, until + 1)]
    values = values[: values.index(inf)] if inf in values else values
    new = [Measurement(epoch, value, {"twice": 2 * value}, 1.0) for epoch, value in enumerate(values, claim.epochs + 1)]
    curve = (*claim.curve, *values)
    state = Checkpoint(len(curve), encode({"curve": np.array(curve)})) if checkpointed and curve else None
    return Progress(claim, curve, claim.seconds + len(new), new, state)


def content(url, *, without=()):
    """Everything in a database's tables, but for some columns, in the order of their keys."""
    from evidence import rows

    found = {}
    for table in metadata.sorted_tables:
        columns = ", ".join(column.name for column in table.c if column.name not in without)
        key = ", ".join(column.name for column in table.primary_key)
        found[table.name] = rows(url, f"SELECT {columns} FROM {table.name} ORDER BY {key}")
    return found

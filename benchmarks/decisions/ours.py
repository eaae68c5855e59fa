"""Our side: a search that runs in the engine itself, and is told results at once."""

from collections import deque
from time import process_time

from decisions.problem import Observed, curve, loss
from strategies import Job, Ledger, Planned, Space, State, Stop, Targets, parse_strategy


class Search:
    """A running search of some workers; whenever all are busy, the job that started first ends with its results."""

    def __init__(self, strategy: str, space: Space, max_epochs: int = 1, n_trials: int | None = None, workers: int = 1):
        targets = Targets(max_epochs, n_trials)
        self.ledger = Ledger(parse_strategy(strategy), space, 0, targets, lag=workers)
        self._space = space
        self._max_epochs = max_epochs
        self._workers = workers
        self._running: deque[Job] = deque()

    def observe(self, points: Observed) -> None:
        """Enter trials that are complete already."""
        for params, value in points:
            self._enter(params, self._max_epochs, State.COMPLETE, (value,) * self._max_epochs)

    def observe_curves(self, points: Observed) -> None:
        """Enter trials that are paused somewhere on their way, and some that are complete."""
        for i, (params, _) in enumerate(points):
            epochs = 1 + i % self._max_epochs
            state = State.COMPLETE if epochs == self._max_epochs else State.PAUSED
            self._enter(params, epochs, state, curve(self._space, params, epochs))

    def step(self) -> float:
        """Decide what comes next, and return the processor's seconds that it took; raises RuntimeError at the end."""
        while True:
            if len(self._running) == self._workers:
                self._end_first()
            began = process_time()
            plan = self.ledger.decide()
            seconds = process_time() - began
            if isinstance(plan, Planned):
                self.ledger.enter(plan)
                self._running.append(plan.job)
                return seconds
            if isinstance(plan, Stop):
                self.ledger.enter(plan)
                return seconds
            if not self._running:
                raise RuntimeError(f"{self.ledger.strategy.name} has ended after {self.ledger.n_trials} trials")
            self._end_first()

    def turn(self) -> float:
        """Decide, and enter the result: the seconds of both."""
        seconds = self.step()
        began = process_time()
        self._end_first()
        return seconds + process_time() - began

    def _end_first(self) -> None:
        job = self._running.popleft()
        params = self.ledger.trial(job.trial).params
        if self._max_epochs == 1:
            values: tuple[float, ...] = (loss(self._space, params),)
        else:
            values = curve(self._space, params, job.until)
        state = State.COMPLETE if job.until == self._max_epochs else State.PAUSED
        self.ledger.close_job(job.number, state, values)

    def _enter(self, params: dict, epochs: int, state: State, values: tuple[float, ...]) -> None:
        number = self.ledger.n_trials
        self.ledger.start(number, params)
        job = Job(self.ledger.n_jobs, number, 0, epochs)
        self.ledger.open_job(job)
        self.ledger.close_job(job.number, state, values)

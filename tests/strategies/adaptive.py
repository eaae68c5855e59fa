"""Strategies whose decisions depend on every result that they see: for the laws of what is seen when."""

from dataclasses import dataclass

from strategies import DONE, WAIT, Proposal, Resume, Scheduler, Searcher, Start, State, Stop


@dataclass(frozen=True)
class Echo(Searcher):
    """A point that any change in any visible curve would change."""

    summary = "Echoes what it has seen."
    adaptive = True

    def propose(self, number, history, rng):
        curves = (value * (trial.number + epoch) for trial in history.trials for epoch, value in enumerate(trial.curve))
        return Proposal({"x": (rng.random() + sum(curves)) % 1.0})


@dataclass(frozen=True)
class Rungs(Scheduler):
    """Asynchronous halving: who is among the best of a rung's first arrivals goes on at once.

    No more than `at_once` trials run at a time; those left over at the end are stopped.
    """

    summary = "Promotes without waiting."
    adaptive = True
    resumes = True

    eta: int = 2
    at_once: int = 1000

    def decide(self, history, rng):
        epochs = [2**i for i in range(history.max_epochs.bit_length())]
        for rung in reversed(range(len(epochs) - 1)):
            arrived = [t for t in history.trials if t.epochs >= epochs[rung] and t.state is not State.FAILED]
            arrived.sort(key=lambda trial: (trial.value_at(epochs[rung]), trial.number))
            for trial in arrived[: len(arrived) // self.eta]:
                if trial.state is State.PAUSED and trial.epochs == epochs[rung]:
                    return Resume(trial.number, epochs[rung + 1], rung + 1, {"of": len(arrived)})
        running = sum(trial.state is State.RUNNING for trial in history.open.values())
        if running >= self.at_once:
            return WAIT
        if history.may_start:
            return Start(1)
        if running:
            return WAIT
        return next((Stop(number, {"left": len(history.open)}) for number in history.open), DONE)


@dataclass(frozen=True)
class SlowRungs(Rungs):
    """The same, computed outside of transactions."""

    slow = True


@dataclass(frozen=True)
class Moods(Scheduler):
    """A trial is short or long by what has been seen; the short ones are stopped."""

    summary = "Changes its mind."
    adaptive = True

    def decide(self, history, rng):
        for trial in history.open.values():
            if trial.state is State.PAUSED:
                return Stop(trial.number)
        if history.may_start:
            return Start(1 if sum(trial.epochs for trial in history.trials) % 2 else history.max_epochs)
        return WAIT if history.open else DONE


@dataclass(frozen=True)
class Says(Scheduler):
    """Says what it is told to, by the number of trials there are."""

    summary = "Says what it is told."
    decisions: tuple = ()

    def decide(self, history, rng):
        return self.decisions[len(history.trials)]


@dataclass(frozen=True)
class SaysLately(Says):
    """The same, under the lag."""

    adaptive = True


@dataclass(frozen=True)
class SaysBlindly(Says):
    """The same, without looking back."""

    looks_back = False


FOR_TESTS = {
    "echo": Echo,
    "rungs": Rungs,
    "slow-rungs": SlowRungs,
    "moods": Moods,
    "says": Says,
    "says-lately": SaysLately,
    "says-blindly": SaysBlindly,
}
"""To be registered by the tests that need their names."""

"""What an exchange decides: as much as is missing by what is known of the study, or what has been prepared for it."""

from collections.abc import Sequence

from storage.exchange.sync import Knowledge
from strategies import Done, Plan, Planned, Stop, Wait

Decided = tuple[Sequence[Planned | Stop], bool]
"""Decisions, entered in what is known, and whether the study is complete."""


def decide(known: Knowledge, missing: int) -> Decided:
    """Decide until so many jobs more are planned, or there is nothing to decide as yet."""
    decided: list[Planned | Stop] = []
    while missing > 0:
        plan = known.decide()
        if isinstance(plan, Wait):
            break
        if isinstance(plan, Done):
            return decided, not known.anything_pending
        known.enter(plan)
        decided.append(plan)
        missing -= isinstance(plan, Planned)
    return decided, False


def enter_prepared(known: Knowledge, plan: Plan | None, missing: int) -> Decided:
    """Enter a decision that was computed beforehand, if any is missing and nobody was quicker."""
    if plan is None or isinstance(plan, Wait) or missing <= 0 or not known.allows(plan):
        return [], False
    if isinstance(plan, Done):
        return [], not known.anything_pending
    known.enter(plan)
    return [plan], False

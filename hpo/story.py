"""A trial's story in sentences: every decision about it, with the reason that was stored when it was taken."""

from collections.abc import Iterator, Sequence
from time import localtime, strftime
from typing import TYPE_CHECKING, Final

from hpo.telling import Teller, changed, shown

if TYPE_CHECKING:
    from hpo.study import Study
    from storage.questions.queries import DecisionRecord, TrialRecord

_SHOWN: Final = 5
"""Decisions that trained a trial on which are told at the start and at the end; those between are counted."""


def story(study: "Study", number: int) -> list[str]:
    """Return trial `number`'s story, a sentence or two an item. Raises SettingError when there is no such trial."""
    from storage.questions.queries import list_decisions

    trial, teller = study.trial(number), Teller(study.spec.metric)
    told = [_who(trial, study)]
    decisions = list_decisions(study.database, study.record, number)
    told.extend(teller.began(each) for each in decisions if each.from_epoch == 0)
    told.extend(_went_on(teller, [each for each in decisions if each.from_epoch > 0]))
    told.append(teller.ended(trial))
    told.extend(_by_hand(study, number))
    told.extend(_standing(trial, study))
    return told


def _who(trial: "TrialRecord", study: "Study") -> str:
    params = ", ".join(f"{name} = {shown(value)}" for name, value in trial.params.items())
    heir = "" if trial.parent is None else f" It began with the weights of trial {trial.parent}."
    return f"Trial {trial.number} of {study.name} ({study.spec.strategy.name}): {params}.{heir}"


def _went_on(teller: Teller, decisions: "Sequence[DecisionRecord]") -> Iterator[str]:
    """Yield why a trial was trained on, of many times the first and the last few."""
    between = decisions[_SHOWN:-_SHOWN]
    for each in decisions:
        if len(between) < 2 or each not in between:  # noqa: PLR2004 - one is told as quickly as counted
            yield teller.went_on(each)
        elif each is between[0]:
            last = between[-1].until_epoch
            yield f"{len(between)} more decisions trained it on from epoch {each.from_epoch} to epoch {last}."


def _by_hand(study: "Study", number: int) -> Iterator[str]:
    """Yield what people did to it, each with who and when."""
    from storage.interventions.trail import interventions_in

    for each in interventions_in(study.database, study.record, trial=number):
        when = strftime("%Y-%m-%d %H:%M:%S", localtime(each.at))
        yield f"By hand, {when}: {each.action}, by {each.by_user} on {each.by_node} ({changed(each.details)})."


def _standing(trial: "TrialRecord", study: "Study") -> Iterator[str]:
    """Yield where it stands among the others, and what its confirmation showed."""
    from storage.questions.queries import rank_of

    place = rank_of(study.database, study.record, trial.number)
    if place is not None:
        rank, equals, of = place
        where = f"It ranks {rank:,}" if rank > 1 else "It is the best" if equals == 1 else "It is among the best"
        beside = f"; {equals - 1:,} {'is' if equals == 2 else 'are'} as good" if equals > 1 else ""  # noqa: PLR2004
        yield f"{where} of {of:,} trials with a value{beside}."
    for each in study.confirmed:
        if each.trial == trial.number and each.mean is not None:
            interval = "" if each.low is None else f", between {shown(each.low)} and {shown(each.high)} with 95 %"
            yield (
                f"Trained again from {len(each.values)} fresh seeds its {study.spec.metric} was "
                f"{shown(each.mean)} on average{interval}."
            )

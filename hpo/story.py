"""A trial's story in sentences: every decision about it, with the reason that was stored when it was taken."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from hpo.study import Study
    from storage.queries import DecisionRecord, TrialRecord

_HIDDEN: Final = {"rung", "bracket", "search", "another", "initial", "by", "shape"}
"""Keys of reasons that are told in words of their own, or with others."""


def story(study: "Study", number: int) -> list[str]:
    """Return trial `number`'s story, a sentence or two an item. Raises SettingError when there is no such trial."""
    from storage.queries import list_decisions

    trial, teller = study.trial(number), _Teller(study.spec.metric)
    told = [_who(trial, study)]
    decisions = list_decisions(study.database, study.record, number)
    told.extend(teller.began(each) if each.from_epoch == 0 else teller.went_on(each) for each in decisions)
    told.append(teller.ended(trial))
    told.extend(_standing(trial, study))
    return told


def _who(trial: "TrialRecord", study: "Study") -> str:
    params = ", ".join(f"{name} = {_number(value)}" for name, value in trial.params.items())
    heir = "" if trial.parent is None else f" It began with the weights of trial {trial.parent}."
    return f"Trial {trial.number} of {study.name} ({study.spec.strategy.name}): {params}.{heir}"


def _standing(trial: "TrialRecord", study: "Study") -> Iterator[str]:
    """Yield where it stands among the others, and what its confirmation showed."""
    from storage.queries import rank_of

    place = rank_of(study.database, study.record, trial.number)
    if place is not None:
        rank, of = place
        where = "It is the best" if rank == 1 else f"It ranks {rank:,}"
        yield f"{where} of {of:,} trials with a value."
    for each in study.confirmed:
        if each.trial == trial.number and each.mean is not None:
            interval = "" if each.low is None else f", between {_number(each.low)} and {_number(each.high)} with 95 %"
            yield (
                f"Trained again from {len(each.values)} fresh seeds its {study.spec.metric} was "
                f"{_number(each.mean)} on average{interval}."
            )


class _Teller:
    """Puts decisions into words; values are of `metric`."""

    def __init__(self, metric: str) -> None:
        self._metric = metric

    def began(self, decision: "DecisionRecord") -> str:
        """Tell how a trial came to be."""
        reason = decision.reason
        place = f", as number {reason['place']} of {reason['of']}" if {"place", "of"} <= reason.keys() else ""
        shape = f" in the bracket {reason['shape']}" if "shape" in reason else ""
        what = f"Decision {decision.number} started it, to be trained up to epoch {decision.until_epoch}{place}{shape}."
        chosen = self._chosen(reason.get("search", {}))
        rest = self._rest(reason, {"place", "of", "epochs"})
        return " ".join(filter(None, [what, chosen, rest]))

    def went_on(self, decision: "DecisionRecord") -> str:
        """Tell why a trial was trained on."""
        reason = decision.reason
        what = (
            f"Decision {decision.number} trained it on from epoch {decision.from_epoch} to epoch {decision.until_epoch}"
        )
        if "interrupted_at" in reason:
            return f"{what}, as its job had been cut short at epoch {reason['interrupted_at']}."
        return f"{what}{self._because(reason)}"

    def ended(self, trial: "TrialRecord") -> str:
        """Tell what became of a trial."""
        best = ""
        if trial.value is not None:
            best = f" Its best {self._metric} was {_number(trial.value)}, after epoch {trial.best_epoch}."
        if trial.state.value == "failed":
            return f"It failed after {_epochs(trial.epochs)}: {trial.error}.{best}"
        if trial.state.value == "stopped":
            return f"It was stopped after {_epochs(trial.epochs)}{self._because(trial.stop_reason or {})}{best}"
        doing = {"complete": "It is complete, with", "running": "It is in training, with", "paused": "It rests, with"}
        return f"{doing.get(trial.state.value, 'It was taken out, with')} {_epochs(trial.epochs)}.{best}"

    def _chosen(self, search: Mapping[str, Any]) -> str:
        """Tell where its params came from."""
        by = search.get("by")
        if by is None:
            return ""
        if by == "user":
            return "Its hyperparameters were a first guess of the user's."
        if by == "random":
            return "Its hyperparameters were drawn at random."
        if search.get("initial"):
            return f"Its hyperparameters were drawn: {by} had too little to learn from yet."
        told = f"Its hyperparameters were proposed by {by}"
        if "predicted" in search:
            about = f" ± {_number(search['sd'])}" if "sd" in search else ""
            told += f", which expected a {self._metric} of {_number(search['predicted'])}{about} there"
        if "probability" in search:
            best = f" the best then, {_number(search['incumbent'])}," if "incumbent" in search else " the best then"
            told += f" and saw a chance of {search['probability']:.0%} to beat{best}"
        if "observations" in search:
            level = f" at {_epochs(search['level'])}" if "level" in search else ""
            told += f"; it had learned from {search['observations']:,} trials{level}"
        known = {"predicted", "sd", "probability", "incumbent", "observations", "level"}
        rest = self._rest(search, known if "probability" in search else known - {"incumbent"})
        near = " The point it proposed had been tried: another one near it was taken." if search.get("another") else ""
        return " ".join(filter(None, [f"{told}.", rest + near]))

    def _because(self, reason: Mapping[str, Any]) -> str:
        """Tell why it went on, or was stopped, as the end of a sentence."""
        known = {"epochs"}
        told = []
        if {"rank", "of"} <= reason.keys():
            known |= {"rank", "of", "promoted", "cut_off", "rivals"}
            at = f" at epoch {reason['epochs']}" if "epochs" in reason else ""
            told.append(f"it ranked {reason['rank']} of {reason['of']}{at}")
            if reason.get("promoted") is not None:
                last = reason.get("cut_off")
                cut = "" if last is None else f", the last of them with {self._metric} {_number(last)}"
                told.append(f"{reason['promoted']} of them go on{cut}")
            if reason.get("rivals"):
                told.append(f"next to it are trials {', '.join(map(str, reason['rivals']))}")
        elif "patience" in reason:
            known |= {"patience", "best", "best_epoch", "epoch"}
            told.append(
                f"its best {self._metric}, {_number(reason['best'])} of epoch {reason['best_epoch']}, had not improved "
                f"for {_epochs(reason['patience'])}"
            )
        elif {"probability", "predicted"} <= reason.keys():
            known |= {"probability", "predicted", "sd", "incumbent", "incumbent_trial", "horizon", "epoch"}
            end = f" at epoch {reason['horizon']}" if "horizon" in reason else " in the end"
            best = f", {_number(reason['incumbent'])}" if "incumbent" in reason else ""
            about = f" ± {_number(reason['sd'])}" if "sd" in reason else ""
            told.append(
                f"it was expected to reach a {self._metric} of {_number(reason['predicted'])}{about}{end}, and to beat "
                f"the best then{best}, with a chance of {reason['probability']:.1%}"
            )
        elif {"best", "cut_off"} <= reason.keys():
            known |= {"best", "cut_off", "of", "epoch"}
            told.append(
                f"its best {self._metric} so far, {_number(reason['best'])}, was worse than the "
                f"{_number(reason['cut_off'])} of {reason.get('of', 'the')} others"
            )
        rest = self._rest(reason, known)
        return (f": {'; '.join(told)}." if told else ".") + (f" {rest}" if rest else "")

    def _rest(self, reason: Mapping[str, Any], known: set[str]) -> str:
        """Return what no sentence has told, as `name value`."""
        left = {key: value for key, value in reason.items() if key not in known | _HIDDEN and value is not None}
        return f"({', '.join(f'{_name(key)} {_number(value)}' for key, value in left.items())})" if left else ""


def _name(key: str) -> str:
    return key.replace("_", " ")


def _epochs(count: int) -> str:
    return f"{count:,} epoch" + ("" if count == 1 else "s")


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_number, value)) if isinstance(value, list) else str(value)

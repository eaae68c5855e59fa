"""Reasons put into words: why a trial began, went on and ended.

Each sentence takes up some keys of a reason; what none has taken up follows in brackets as `name value`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from storage.questions.queries import DecisionRecord, TrialRecord

_SILENT: Final = {"rung", "bracket", "search", "another", "initial", "by", "shape", "epochs"}
"""Keys that other words tell already."""


class _Reason:
    """A reason of which each key is told once."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._left = {key: value for key, value in given.items() if value is not None}

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def has(self, keys: str) -> bool:
        """Tell whether all of `keys`, parted by spaces, are yet untold."""
        return all(key in self._left for key in keys.split())

    def take(self, key: str) -> Any:
        """Return a value that is being told; None if there is none."""
        return self._left.pop(key, None)

    def rest(self) -> str:
        """Return what has not been told, as `name value`."""
        left = {key: value for key, value in self._left.items() if key not in _SILENT}
        return f"({shown(left)})" if left else ""


class Teller:
    """Puts decisions into words; values are of `metric`."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._a_metric = f"{'an' if metric[:1].lower() in 'aeiou' else 'a'} {metric}"

    def began(self, decision: "DecisionRecord") -> str:
        """Tell how a trial came to be."""
        reason = _Reason(decision.reason)
        if decision.reason.get("by") == "import":
            return f"Its result was brought in from {reason.take('from')}."
        if "retry" in reason:
            return self._again(decision)
        what = f"Decision {decision.number} started it, to be trained up to epoch {decision.until_epoch}"
        shape = f" in the bracket {decision.reason['shape']}" if "shape" in reason else ""
        told = [f"{what}{_place(reason)}{shape}."]
        if "parent" in reason:
            was = f", whose {self._metric} was {shown(reason.take('incumbent'))}" if "incumbent" in reason else ""
            told.append(f"It is an heir of trial {reason.take('parent')}{was}.")
        if "selected" in reason:
            best = _Reason(reason.take("selected"))
            told.append(
                f"Of all trials before, trial {best.take('trial')} of size {best.take('class')} was the one to choose, "
                f"with a criterion of {shown(best.take('criterion'))}."
            )
        if "leads" in reason:
            told.append(f"The size with the most trials was {shown(reason.take('leads'))}.")
        search = decision.reason.get("search")
        if search is not None:
            told.append(self._chosen(search))
        elif "by" in reason and "initial" not in reason:  # a scheduler that chose the point as well
            told.append(self._proposed(reason, by=reason.take("by")))
        return " ".join(filter(None, [*told, reason.rest()]))

    def went_on(self, decision: "DecisionRecord") -> str:
        """Tell why a trial was trained on."""
        reason = decision.reason
        if "retry" in reason:
            return self._again(decision)
        span = f"from epoch {decision.from_epoch} to epoch {decision.until_epoch}"
        what = f"Decision {decision.number} trained it on {span}"
        if "interrupted_at" in reason:
            return f"{what}, as its job had been cut short at epoch {reason['interrupted_at']}."
        return f"{what}{self._because(reason, decision.from_epoch)}"

    def ended(self, trial: "TrialRecord") -> str:
        """Tell what became of a trial."""
        best = ""
        if trial.value is not None:
            best = f" Its best {self._metric} was {shown(trial.value)}, after epoch {trial.best_epoch}."
        if trial.state.value == "failed":
            return f"It failed after {_epochs(trial.epochs)}: {trial.error}.{best}"
        if trial.state.value == "stopped":
            why = self._because(trial.stop_reason or {}, trial.epochs)
            return f"It was stopped after {_epochs(trial.epochs)}{why}{best}"
        if trial.state.value == "discarded":
            why = f": {(trial.stop_reason or {}).get('reason')}" if trial.stop_reason else ""
            return f"A person took it out after {_epochs(trial.epochs)}{why}.{best}"
        doing = {"complete": "It is complete, with", "running": "It is in training, with", "paused": "It rests, with"}
        return f"{doing[trial.state.value]} {_epochs(trial.epochs)}.{best}"

    @staticmethod
    def _again(decision: "DecisionRecord") -> str:
        """Tell that a person had a failed trial tried again."""
        span = f"from epoch {decision.from_epoch} to epoch {decision.until_epoch}"
        failed = decision.reason["retry"]
        return f"As job {failed} had failed, a person had it trained again {span}: that is decision {decision.number}."

    def _chosen(self, search: Mapping[str, Any]) -> str:
        """Tell where its params came from."""
        by = search.get("by")
        if by is None:
            return ""
        if by == "user":
            return "Its hyperparameters were a first guess of the user's."
        if by == "random":
            return "Its hyperparameters were drawn at random."
        if search.get("random"):
            return f"Its hyperparameters were drawn at random, as {by} does with some."
        if search.get("initial"):
            return f"Its hyperparameters were drawn: {by} had too little to learn from yet."
        reason = _Reason(search)
        near = "The point it proposed had been tried: another one near it was taken." if search.get("another") else ""
        return " ".join(filter(None, [self._proposed(reason, by=by), reason.rest(), near]))

    def _proposed(self, reason: _Reason, *, by: str) -> str:
        """Tell what a model thought of the point that it proposed."""
        told = f"Its hyperparameters were proposed by {by}"
        if reason.has("place of"):
            told += f", as point {reason.take('place')} of {reason.take('of')}"
        if "generation" in reason:
            told += f" for its generation {reason.take('generation')}"
        if reason.has("rival donors"):
            told += (
                f", made from trials {_listed(reason.take('donors'))} to take the place of trial {reason.take('rival')}"
            )
        if "predicted" in reason:
            told += f", which expected {self._prediction(reason)} there"
        if reason.has("probability basket"):
            chance = f"{reason.take('probability'):.1%}"
            told += f" and saw a chance of {chance} {_best_of(reason.take('basket'))}"
        elif "probability" in reason:
            told += f" and saw a chance of {reason.take('probability'):.1%} to beat the best then"
            told += f", {shown(reason.take('incumbent'))}" if "incumbent" in reason else ""
        if "observations" in reason:
            told += f"; it had learned from {_counted(reason.take('observations'), 'trial')}"
            told += f" at {_epochs(reason.take('level'))}" if "level" in reason else ""
        if reason.has("good others"):
            told += f", {reason.take('good'):,} good ones against {reason.take('others'):,} others"
        if "incumbent" in reason:
            told += f"; the best {self._metric} then was {shown(reason.take('incumbent'))}"
        return f"{told}."

    def _because(self, given: Mapping[str, Any], epochs: int) -> str:
        """Tell why it went on, or was stopped, `epochs` epochs old, as the end of a sentence."""
        reason = _Reason(given)
        told = []
        if given.get("by") == "person":
            told.append(f"a person ended it{f', for this reason: {why}' if (why := reason.take('reason')) else ''}")
        elif reason.has("rank of"):
            told.extend(self._ranked(reason, epochs))
        elif "patience" in reason:
            told.append(
                f"its best {self._metric}, {shown(reason.take('best'))} of epoch {reason.take('best_epoch')}, had not "
                f"improved for {_epochs(reason.take('patience'))}"
            )
            reason.take("epoch")
        elif "predicted" in reason:
            told.append(self._expected(reason))
        elif reason.has("best cut_off"):
            told.append(self._worse(reason))
        elif given.get("initial"):
            told.append(f"{given['by']} had too little to learn from yet")
        if reason.take("last_stretch"):
            told.append("what was left of the budget would just train it to its end")
        rest = reason.rest()
        return (f": {'; '.join(told)}." if told else ".") + (f" {rest}" if rest else "")

    def _ranked(self, reason: _Reason, epochs: int) -> list[str]:
        """Tell a rank among others, and what it was worth."""
        at = f" at epoch {reason.take('epochs')}" if "epochs" in reason else ""
        if at and at != f" at epoch {epochs}" and "promoted" not in reason:  # an heir counts its forebears' epochs
            at += " of its lineage"
        if "steps" in reason:
            at = f" after {_epochs(epochs)}, with {_counted(reason.take('steps'), 'step')}"
        told = [f"it ranked {reason.take('rank')} of {reason.take('of')}{at}"]
        if "promoted" in reason:
            count = reason.take("promoted")
            go_on = "none of them goes on" if not count else f"{count} of them go{'es' if count == 1 else ''} on"
            last = reason.take("cut_off")
            which = "" if count == 1 else "the last "
            told.append(go_on if last is None else f"{go_on}, {which}with {self._metric} {shown(last)}")
        if "rivals" in reason and (rivals := reason.take("rivals")):
            told.append(f"next to it {'is trial' if len(rivals) == 1 else 'are trials'} {_listed(rivals)}")
        if "overtakes" in reason:
            told.append(f"so it overtakes trial {reason.take('overtakes')}, which had trained as long at least")
        if "open" in reason:
            told.append(f"promotions go up to epoch {reason.take('open')}")
        return told

    def _expected(self, reason: _Reason) -> str:
        """Tell where its curve was thought to lead."""
        end = f"at epoch {reason.take('horizon')}" if "horizon" in reason else "in the end"
        told = f"it was expected to reach {self._prediction(reason)} {end}"
        whose = f" of trial {reason.take('incumbent_trial')}" if "incumbent_trial" in reason else ""
        best = f"the best then, {shown(reason.take('incumbent'))}{whose}" if "incumbent" in reason else "the best then"
        if "probability" in reason:
            rivals = _best_of(reason.take("basket")) if "basket" in reason else f"to beat {best}"
            told += f", and {rivals}, with a chance of {reason.take('probability'):.1%}"
        if "threshold" in reason:
            told += f", less than the {reason.take('threshold'):.1%} that keep a trial"
        if "observations" in reason:
            told += f"; the model had learned from {_counted(reason.take('observations'), 'trial')}"
        reason.take("epoch")
        return told

    def _worse(self, reason: _Reason) -> str:
        """Tell a comparison with a bar that it did not pass."""
        best, bar = shown(reason.take("best")), shown(reason.take("cut_off"))
        reason.take("epoch")
        if "of" in reason:
            return f"its best {self._metric} so far, {best}, was worse than the {bar} of {reason.take('of')} others"
        within = f"within {_epochs(reason.take('by'))}" if "by" in reason else "so far"
        return f"its best {self._metric} {within}, {best}, was worse than the {bar} asked for"

    def _prediction(self, reason: _Reason) -> str:
        about = f" ± {shown(reason.take('sd'))}" if "sd" in reason else ""
        return f"{self._a_metric} of {shown(reason.take('predicted'))}{about}"


def _place(reason: _Reason) -> str:
    """Tell which of several it is."""
    if reason.has("class place"):
        size = shown(reason.take("class"))
        told = f", as number {reason.take('place')} of size {size}"
        if reason.has("spent of"):
            spent, total = shown(reason.take("spent")), shown(reason.take("of"))
            return f"{told}, on which {spent} of the {total} units of time so far had been spent"
        return f"{told} after {_counted(reason.take('of'), 'trial')} in all" if "of" in reason else told
    if reason.has("place of"):
        return f", as number {reason.take('place')} of {reason.take('of')}"
    return ""


def _best_of(candidates: int) -> str:
    return f"to be the best of {_counted(candidates, 'candidate')}"


def changed(details: Mapping[str, Any]) -> str:
    """Return what an intervention changed, `old → new` where both are known; what is not there is left out."""
    told: list[str] = []
    for key, value in details.items():
        if key == "space":
            told.extend(f"{name} {_told(old)} → {_told(new)}" for name, (old, new) in value.items())
        elif isinstance(value, list) and len(value) == 2:  # noqa: PLR2004 - old and new
            told.append(f"{_spelled(key)} {_told(value[0])} → {_told(value[1])}")
        elif value is not None:
            told.append(f"{_spelled(key)} {shown(value)}")
    return ", ".join(told)


def _spelled(key: str) -> str:
    return key.removeprefix("n_").replace("_", " ")


def _told(value: Any) -> str:
    """Return a bound, or what a parameter may be."""
    if not isinstance(value, Mapping):
        return "none" if value is None else shown(value)
    return f"{shown(value['values'])}" if "values" in value else f"{shown(value['low'])}..{shown(value['high'])}"


def shown(value: Any) -> str:
    """Return a value as people like to read it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')} {shown(item)}" for key, item in value.items())
    return _listed(value) if isinstance(value, list | tuple) else str(value)


def _listed(values: "list[Any] | tuple[Any, ...]") -> str:
    return ", ".join(map(shown, values))


def _epochs(count: int) -> str:
    return _counted(count, "epoch")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")

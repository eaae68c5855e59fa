"""The ground floor: what to try next and for how long. Pure decisions, on NumPy and the standard library alone."""

from strategies.base import (
    DONE,
    WAIT,
    Decision,
    Done,
    Loss,
    Proposal,
    Reason,
    Resume,
    Scheduler,
    Searcher,
    Start,
    Stop,
    Stopper,
    Wait,
    told,
)
from strategies.engine import Ledger
from strategies.errors import Exhausted, HpoError, SpaceError, StrategyError
from strategies.parameters import Choice, Float, Int, Parameter
from strategies.planning import Job, Plan, Planned, Targets, job_rng, plan_next, trial_rng, trial_seed
from strategies.recorded import RecordedSpace
from strategies.registry import STRATEGIES, Entry, find, names, table
from strategies.schedulers.full import Full
from strategies.schedulers.halving import SuccessiveHalving
from strategies.searchers.grid import Grid
from strategies.searchers.random import Random
from strategies.space import Space
from strategies.stoppers.patience import Patience
from strategies.strategy import Strategy, parse_strategy
from strategies.tally import Tally, looks_back
from strategies.trial import History, Params, State, Trial, Value

__all__ = [
    "DONE",
    "STRATEGIES",
    "WAIT",
    "Choice",
    "Decision",
    "Done",
    "Entry",
    "Exhausted",
    "Float",
    "Full",
    "Grid",
    "History",
    "HpoError",
    "Int",
    "Job",
    "Ledger",
    "Loss",
    "Parameter",
    "Params",
    "Patience",
    "Plan",
    "Planned",
    "Proposal",
    "Random",
    "Reason",
    "RecordedSpace",
    "Resume",
    "Scheduler",
    "Searcher",
    "Space",
    "SpaceError",
    "Start",
    "State",
    "Stop",
    "Stopper",
    "Strategy",
    "StrategyError",
    "SuccessiveHalving",
    "Tally",
    "Targets",
    "Trial",
    "Value",
    "Wait",
    "find",
    "job_rng",
    "looks_back",
    "names",
    "parse_strategy",
    "plan_next",
    "table",
    "told",
    "trial_rng",
    "trial_seed",
]

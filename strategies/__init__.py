"""The ground floor: what to try next and for how long. Pure decisions, on NumPy and the standard library alone."""

from strategies.base import (
    DONE,
    WAIT,
    Decision,
    Done,
    Reason,
    Resume,
    Scheduler,
    Searcher,
    Start,
    Stop,
    Stopper,
    Wait,
)
from strategies.engine import Job, Ledger, Planned, Targets, trial_rng, trial_seed
from strategies.errors import Exhausted, HpoError, SpaceError, StrategyError
from strategies.parameters import Choice, Float, Int, Parameter
from strategies.registry import STRATEGIES, Entry, find, names, table
from strategies.schedulers.full import Full
from strategies.schedulers.halving import SuccessiveHalving
from strategies.searchers.grid import Grid
from strategies.searchers.random import Random
from strategies.space import Space
from strategies.stoppers.patience import Patience
from strategies.strategy import Strategy, parse_strategy
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
    "Parameter",
    "Params",
    "Patience",
    "Planned",
    "Random",
    "Reason",
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
    "Targets",
    "Trial",
    "Value",
    "Wait",
    "find",
    "names",
    "parse_strategy",
    "table",
    "trial_rng",
    "trial_seed",
]

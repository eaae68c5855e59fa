"""The ground floor: what to try next and for how long. Pure decisions, on NumPy and the standard library alone."""

from strategies.auto import AUTO, RULES, Circumstances, Rule, choose
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
from strategies.schedulers.asha import ASHA
from strategies.schedulers.budgeted import Budgeted
from strategies.schedulers.budgeted_bandit import BudgetedBandit
from strategies.schedulers.freeze_thaw import FreezeThaw
from strategies.schedulers.full import Full
from strategies.schedulers.halving import SuccessiveHalving
from strategies.schedulers.hyperband import Hyperband
from strategies.schedulers.infinite_hyperband import InfiniteHyperband
from strategies.schedulers.metamax import MetaMax
from strategies.schedulers.one_epoch import OneEpoch
from strategies.schedulers.pasha import PASHA
from strategies.schedulers.population import PopulationBasedTraining
from strategies.searchers.bayes import Bayes
from strategies.searchers.cmaes import CMAES
from strategies.searchers.differential_evolution import DifferentialEvolution
from strategies.searchers.gp import GaussianProcess
from strategies.searchers.grid import Grid
from strategies.searchers.halton import Halton
from strategies.searchers.random import Random
from strategies.searchers.skopt import Skopt
from strategies.searchers.sobol import Sobol
from strategies.searchers.tpe import TPE
from strategies.space import Space
from strategies.stoppers.extrapolation import CurveExtrapolation
from strategies.stoppers.median import Median
from strategies.stoppers.patience import Patience
from strategies.stoppers.threshold import Threshold
from strategies.strategy import Strategy, parse_strategy
from strategies.tally import Tally, looks_back
from strategies.trial import History, Params, State, Trial, Value

__all__ = [
    "ASHA",
    "AUTO",
    "CMAES",
    "DONE",
    "PASHA",
    "RULES",
    "STRATEGIES",
    "TPE",
    "WAIT",
    "Bayes",
    "Budgeted",
    "BudgetedBandit",
    "Choice",
    "Circumstances",
    "CurveExtrapolation",
    "Decision",
    "DifferentialEvolution",
    "Done",
    "Entry",
    "Exhausted",
    "Float",
    "FreezeThaw",
    "Full",
    "GaussianProcess",
    "Grid",
    "Halton",
    "History",
    "HpoError",
    "Hyperband",
    "InfiniteHyperband",
    "Int",
    "Job",
    "Ledger",
    "Loss",
    "Median",
    "MetaMax",
    "OneEpoch",
    "Parameter",
    "Params",
    "Patience",
    "Plan",
    "Planned",
    "PopulationBasedTraining",
    "Proposal",
    "Random",
    "Reason",
    "RecordedSpace",
    "Resume",
    "Rule",
    "Scheduler",
    "Searcher",
    "Skopt",
    "Sobol",
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
    "Threshold",
    "Trial",
    "Value",
    "Wait",
    "choose",
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

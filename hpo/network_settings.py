"""The settings of a network by name, as a space searches them and an objective fixes them."""

from collections.abc import Mapping
from math import inf
from typing import Any, Final

from hpo.errors import ObjectiveError
from network import ACTIVATIONS, Architecture, Member, NetworkError
from network.errors import check_name, check_range, check_whole
from network.schedules import Constant, Cosine, Exponential, Plateau, Schedule, Step, Warmup
from strategies import Value
from strategies.spelling import nearest

EPOCHS: Final = 81
"""The most a network trains where nothing else is said: four times three times longer than one epoch."""

WIDTHS: Final = tuple(f"hidden_{layer}" for layer in range(1, 9))
"""The widths of single layers by name: so many may differ from `hidden`."""

DEFAULTS: Final[Mapping[str, Value]] = {
    "layers": 1,
    "hidden": 64,
    **dict.fromkeys(WIDTHS),  # as wide as the others, `hidden`
    "activation": "relu",
    "normalization": "none",
    "dropout": 0.0,
    "initializer": None,  # He's for ReLU and its kin, Glorot's for the others
    "loss": None,  # the task's first
    "huber_delta": 1.0,
    "label_smoothing": 0.0,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "schedule_epochs": EPOCHS,
    "warmup": 0.0,
    "batch_size": 32,
    "momentum": 0.9,
    "beta1": 0.9,
    "beta2": 0.999,
    "rho": 0.9,
    "weight_decay": 0.0,
    "l2": 0.0,
    "l1": 0.0,
    "clip_norm": None,
    "max_norm": None,
}
"""Every setting of a network that can be searched or fixed, and what it is where neither is done.

`layers` are the hidden ones; `hidden` is the width of each whose own, `hidden_1` for the first, is not given.
`schedule_epochs` is where a schedule ends, `warmup` how many epochs the learning rate rises first.
"""

LOSSES_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "classification": ("cross_entropy",),
    "multilabel": ("binary_cross_entropy",),
    "regression": ("squared_error", "huber"),
}
"""What a network for a task can be trained by; the first where nothing else is said."""

_RECTIFIERS: Final = ("relu", "leaky_relu", "noisy_relu", "elu", "gelu", "silu", "softplus")
_BOUNDS: Final = ("clip_norm", "max_norm")
_LEAST_RATE: Final = 0.01  # of the first learning rate, where a schedule ends


def check_settings(names: Mapping[str, Any], what: str) -> None:
    """Raise ObjectiveError when a network has no such setting; `what` is what the names are called."""
    for name in names:
        if name not in DEFAULTS:
            near = nearest(name, DEFAULTS)
            hint = f"did you mean {near!r}? " if near else ""
            raise ObjectiveError(f"a network has no {what} {name!r}; {hint}it has: {', '.join(DEFAULTS)}")


def network_of(
    settings: Mapping[str, Any], *, inputs: int, outputs: int, task: str, seed: int
) -> tuple[Architecture, Member]:
    """Return the network that `settings` describe, the others as in `DEFAULTS`. Raises NetworkError."""
    chosen: dict[str, Any] = {**DEFAULTS, **settings}
    _check(chosen, task)
    if chosen["initializer"] is None:
        chosen["initializer"] = "he_normal" if chosen["activation"] in _RECTIFIERS else "glorot_uniform"
    architecture = Architecture(
        inputs=inputs,
        outputs=outputs,
        hidden=_widths(chosen),
        loss=chosen["loss"] or LOSSES_OF[task][0],
        dropout=chosen["dropout"] != 0,
        **{
            name: chosen[name]
            for name in ("activation", "normalization", "initializer", "huber_delta", "optimizer", "batch_size")
        },
    )
    bounds = {name: chosen[name] for name in _BOUNDS if chosen[name] is not None}
    own = ("learning_rate", "momentum", "beta1", "beta2", "rho", "weight_decay", "l2", "l1", "dropout")
    smoothing = chosen["label_smoothing"] if task != "regression" else 0.0
    member = Member(
        seed,
        **{name: chosen[name] for name in own},
        **bounds,
        label_smoothing=smoothing,
        schedule=schedule_of(chosen["schedule"], chosen["schedule_epochs"], chosen["warmup"]),
    )
    return architecture, member


def schedule_of(name: str, epochs: float, warmup: float = 0.0) -> Schedule:
    """Return the schedule called `name`, tuned to end after `epochs` epochs, of which `warmup` are for warming up.

    "step" drops to a tenth after a third, and again after two thirds; "exponential" falls to a hundredth along the way;
    "plateau" drops to a third whenever a tenth of the epochs has brought nothing. Raises NetworkError.
    """
    check_range("schedule_epochs", epochs, 0, inf, open_low=True)
    check_range("warmup", warmup, 0, inf)
    left = max(epochs - warmup, 1.0)
    schedules: dict[str, Schedule] = {
        "constant": Constant(),
        "cosine": Cosine(left, _LEAST_RATE),
        "exponential": Exponential(_LEAST_RATE ** (1 / left)),
        "plateau": Plateau(1 / 3, patience=max(1, round(left / 10)), floor=_LEAST_RATE),
        "step": Step(max(1, round(left / 3))),
    }
    check_name("schedule", name, schedules)
    return Warmup(warmup, schedules[name]) if warmup else schedules[name]


def _check(chosen: Mapping[str, Any], task: str) -> None:
    """Raise NetworkError for what an architecture and a member would not notice, or not call by its name here."""
    check_whole("layers", chosen["layers"], 0)
    check_whole("hidden", chosen["hidden"], 1)
    for name in WIDTHS:
        if chosen[name] is not None:
            check_whole(name, chosen[name], 1)  # also where there is no such layer
    check_name("activation", chosen["activation"], ACTIVATIONS)
    if not ACTIVATIONS[chosen["activation"]].differentiable:
        raise NetworkError(f"{chosen['activation']!r} has no gradient to train by: use another, such as 'tanh'.")
    if chosen["loss"] is not None:
        check_name(f"loss for {task}", chosen["loss"], LOSSES_OF[task])
    check_range("label_smoothing", chosen["label_smoothing"], 0, 1)
    for name in _BOUNDS:
        if chosen[name] is not None:
            check_range(name, chosen[name], 0, inf, open_low=True)  # infinity, which a member takes, is no JSON


def _widths(chosen: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(chosen.get(f"hidden_{layer}") or chosen["hidden"] for layer in range(1, chosen["layers"] + 1))

"""Where the time of an epoch of ours goes: each part's own methods, under a stopwatch.

A part that another part calls is on the caller's bill: what the layers do for an evaluation is evaluation.
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter

import network
from network.data import Batches
from network.inference import Inference
from network.layers import Layer
from network.losses import Loss
from network.noise import NoiseStream
from network.optimizers import Optimizer
from network.regularization import Rule

EVALUATION = "evaluation"
LEAST_SECONDS, LEAST_EPOCHS = 0.3, 5


@dataclass(slots=True)
class Stopwatch:
    """Seconds by part, in the order in which the parts were first met."""

    seconds: dict[str, float] = field(default_factory=dict)
    running: bool = False

    def timed(self, name: Callable[[object], str], method: Callable[..., object]) -> Callable[..., object]:
        """Return the method with a stopwatch around it; `name` tells the part from the object."""

        @functools.wraps(method)
        def wrapper(owner: object, *positional: object, **named: object) -> object:
            if self.running:
                return method(owner, *positional, **named)
            self.running = True
            began = time.perf_counter()
            try:
                return method(owner, *positional, **named)
            finally:
                spent = time.perf_counter() - began
                part = name(owner)
                self.seconds[part] = self.seconds.get(part, 0.0) + spent
                self.running = False

        return wrapper


@dataclass(frozen=True, slots=True)
class Profile:
    """Seconds of an epoch by part, in the order of their first call, and in all."""

    total: float
    parts: dict[str, float]

    @property
    def rest(self) -> float:
        """Seconds on no part's bill."""
        return self.total - sum(self.parts.values())

    @property
    def evaluation(self) -> float:
        """The share of the epoch that evaluation takes."""
        return self.parts.get(EVALUATION, 0.0) / self.total


def profile(build: Callable[[], network.Training]) -> Profile:
    """Return the profile, a network, of the quickest (least disturbed) of some epochs of what `build` returns."""
    with _stopwatch() as watch:
        training = build()
        training.train_epoch()
        epochs: list[tuple[float, dict[str, float]]] = []
        while sum(total for total, _ in epochs) < LEAST_SECONDS or len(epochs) < LEAST_EPOCHS:
            watch.seconds = {}
            began = time.perf_counter()
            training.train_epoch()
            epochs.append((time.perf_counter() - began, watch.seconds))
    total, parts = min(epochs, key=itemgetter(0))
    count = len(training.members)
    return Profile(total / count, {part: seconds / count for part, seconds in parts.items()})


@contextmanager
def _stopwatch() -> Iterator[Stopwatch]:
    """Put every part of an epoch under a stopwatch, in the classes themselves, and take it off again."""
    watch, layers = Stopwatch(), _LayerNames()
    parts = [
        (Batches, "_orders", lambda _: "order of rows"),
        (Batches, "_gather", lambda _: "gather"),
        (NoiseStream, "step", lambda _: "noise"),
        (Layer, "forward", lambda layer: f"forward {layers(layer)}"),
        (Loss, "gradient", lambda _: "loss"),
        (Layer, "backward", lambda layer: f"backward {layers(layer)}"),
        (Rule, "act", lambda _: "regularization"),
        (Optimizer, "begin", lambda _: "optimizer's epoch"),
        (Optimizer, "step", lambda _: "optimizer"),
        (Inference, "outputs", lambda _: EVALUATION),
        (Loss, "metrics", lambda _: EVALUATION),
    ]
    replaced = []
    for base, method, name in parts:
        own = [kind for kind in _family(base) if method in vars(kind)]
        if not own:
            raise AttributeError(f"{base.__name__} has no method {method}: name the one that now does its work.")
        replaced += [(kind, method, vars(kind)[method]) for kind in own]
        for kind in own:
            setattr(kind, method, watch.timed(name, vars(kind)[method]))
    try:
        yield watch
    finally:
        for kind, method, original in replaced:
            setattr(kind, method, original)


class _LayerNames:
    """Names layers by their place, which is the order of their first call: two layers may be equal."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, object]] = {}  # holds the layers, lest another takes an identity over

    def __call__(self, layer: object) -> str:
        place, _ = self._places.setdefault(id(layer), (len(self._places), layer))
        return f"{place} {type(layer).__name__}"


def _family(base: type) -> Iterator[type]:
    yield base
    for kind in base.__subclasses__():
        yield from _family(kind)

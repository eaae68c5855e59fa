"""What the network laws do in another process: a module of its own, so that the process can import it."""

from dataclasses import replace

import numpy as np

from network import Epoch, Training


def frozen(value: object) -> object:
    """Return what two values share exactly if they are the same bit for bit; one NaN is as good as another."""
    match value:
        case dict():
            return {key: frozen(item) for key, item in value.items()}
        case np.ndarray():
            return value.dtype.str, value.shape, np.where(np.isnan(value), np.nan, value).tobytes()
        case float():
            return value.hex()
        case Epoch():
            return value.epoch, value.loss.hex(), frozen(value.metrics), value.diverged
        case list() | tuple():
            return [frozen(item) for item in value]
        case _:
            return value


def run(architecture, members, data, epochs, monitor="loss"):
    """Return, for each member, its epochs and its final state."""
    training = Training(architecture, members, data, monitor)
    by_epoch = [training.train_epoch() for _ in range(epochs)]
    return [(frozen([epoch[k] for epoch in by_epoch]), frozen(training.state(k))) for k in range(len(members))]


def go_on(architecture, member, data, states, epochs):
    """Restore each of `states` between two members that have come less far; return what the epochs up to `epochs` give."""
    others = [replace(member, seed=seed, learning_rate=0.05) for seed in (98, 99)]
    outcomes = []
    for state in states:
        training = Training(architecture, [others[0], member, others[1]], data)
        training.restore(1, state)
        results = [training.train_epoch()[1] for _ in range(epochs - state["epochs"])]
        outcomes.append((frozen(results), frozen(training.state(1))))
    return outcomes

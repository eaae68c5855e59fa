"""Overfitting: a network far too large learns its sample by heart, errors included; and three cures.

    python examples/overfitting.py

Points of the plane belong to the class 1 outside a circle, but one label in ten is wrong. A network with 400 hidden
units has more than a thousand parameters for a sample of 60 rows: it can bend its boundary around every wrong label.
Meanwhile the error on validation rows, which it does not learn from, falls only at first: then the network has
understood what there is to understand, and goes on to what is chance.

Three cures, each alone. Early stopping ends training when the validation error has stopped falling, and keeps the best
epoch. Dropout leaves out units at random, so that none can rely on the others. L2 charges for large weights, so that a
boundary bends only where many rows want it to.

Look at the last two columns of errors: how far the final error is from the best that the same network once had. In
overfitting.png: the learning curves. What a best epoch was chosen by, no longer measures it fairly: for a report, keep
a third set of rows, the test set.
"""

from argparse import ArgumentParser
from dataclasses import replace
from math import log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hpo import Architecture, Fitted, Member, TrainingData, fit

try:
    from matplotlib.figure import Figure
except ModuleNotFoundError:
    raise SystemExit('This example draws a picture with matplotlib: pip install "hpo[examples]"') from None

Array = npt.NDArray[Any]

ROWS, VALIDATION_ROWS = 60, 1000
WRONG = 0.1
LEAST = -(WRONG * log(WRONG) + (1 - WRONG) * log(1 - WRONG))
"""The error of who knows the circle, and how often labels are wrong: no network has less on many rows."""
EPOCHS, PATIENCE = 800, 30


def sample(rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return normal points of the plane (rows, 2), and whether each is outside the circle that halves them (rows,)."""
    x = rng.normal(size=(rows, 2))
    outside = np.hypot(*x.T) > sqrt(2 * log(2))
    wrong = rng.random(rows) < WRONG
    return x, (outside ^ wrong).astype(np.int64)


def learned() -> dict[str, Fitted]:
    """Train the network with each cure. The members of a stack may differ in regularisation: three train as one."""
    rng = np.random.default_rng(0)
    data = TrainingData(*sample(ROWS, rng), *sample(VALIDATION_ROWS, rng))
    architecture = Architecture(
        inputs=2,
        outputs=1,
        hidden=(400,),
        activation="tanh",
        loss="binary_cross_entropy",
        dropout=True,
        batch_size=ROWS,
    )
    plain = Member(seed=0, learning_rate=0.02)
    stack = [plain, replace(plain, dropout=0.7), replace(plain, l2=0.005)]
    nothing, dropout, l2 = fit(architecture, stack, data, epochs=EPOCHS)
    # Trained alone, this is bit for bit the first member of the stack, as far as it goes.
    (stopped,) = fit(architecture, [plain], data, epochs=EPOCHS, patience=PATIENCE)
    return {"nothing": nothing, "early stopping": stopped, "dropout": dropout, "L2": l2}


def errors(fitted: Fitted) -> list[float]:
    """Return the validation error after each epoch."""
    return [epoch.metrics["loss"] for epoch in fitted.epochs]


def draw(results: dict[str, Fitted]) -> Figure:
    """Return the picture: the learning curves of each cure, side by side."""
    figure = Figure(figsize=(14, 4), layout="constrained")
    panels = figure.subplots(1, len(results), sharex=True, sharey=True)
    for panel, (cure, fitted) in zip(panels, results.items(), strict=True):
        epochs = range(1, len(fitted.epochs) + 1)
        panel.semilogy(epochs, [epoch.loss for epoch in fitted.epochs], color="tab:blue", label="training")
        panel.semilogy(epochs, errors(fitted), color="tab:red", label="validation")
        panel.plot(fitted.best_epoch, fitted.value, "o", color="black", label="best epoch", zorder=3)
        panel.axhline(LEAST, color="gray", linestyle=":", label="least possible")
        panel.set(title=f"cure: {cure}", xlabel="epoch")
    panels[0].set(ylabel="error (cross-entropy)")
    panels[-1].legend()
    return figure


def main() -> None:
    """Learn, print, draw."""
    parser = ArgumentParser(description="How a network learns its sample by heart, and what helps.")
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where overfitting.png goes")
    picture = parser.parse_args().out / "overfitting.png"
    try:
        picture.touch()
    except OSError as error:
        parser.error(f"cannot write {picture}: {error.strerror}; give --out a folder that exists and is yours.")

    print(f"400 hidden units for {ROWS} rows, one label in ten wrong. Errors are cross-entropies; of validation rows,")
    print(f"whose labels are as often wrong, the least possible is {LEAST:.3f}.\n")
    print("                           training   validation error          accuracy")
    print("  cure             epochs     error    best (epoch)    final        final")
    results = learned()
    for cure, fitted in results.items():
        last = fitted.epochs[-1]
        best = f"{fitted.value:.3f} ({fitted.best_epoch})"
        print(
            f"  {cure:14} {last.epoch:8} {last.loss:9.3f}   {best:>12} {last.metrics['loss']:8.3f}"
            f" {last.metrics['accuracy']:12.3f}"
        )
    print("\nDropout's training error is that of the units that were left in.")

    draw(results).savefig(picture, dpi=120)
    print(f"The picture is {picture}.")


if __name__ == "__main__":
    main()

"""Approximation: a sum of enough smooth steps follows any curve.

    python examples/approximation.py

A network with one hidden layer and enough units comes as close as one likes to any continuous function on a bounded
interval (Cybenko, Mathematics of Control, Signals, and Systems 2, 1989; Hornik, Neural Networks 4, 1991). The theorem
says that the weights exist. It says neither how many units it takes, nor that training finds the weights.

Here networks of 1 to 64 units learn a wiggly curve from points without noise, so that nothing is in the way of a
perfect fit. Look at the error of the best start, which falls with every step in width; and at the median start, which
is far worse where there are just enough units: a network that could do better is not always found. In
approximation.png: the curves, and the error against the width.
"""

from argparse import ArgumentParser
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hpo import Architecture, Cosine, Member, Starts, TrainingData, multi_start, predict

try:
    from matplotlib.figure import Figure
except ModuleNotFoundError:
    raise SystemExit('This example draws a picture with matplotlib: pip install "hpo[examples]"') from None

Array = npt.NDArray[Any]

HIDDEN_UNITS = (1, 2, 4, 8, 16, 64)
STARTS = 9
EPOCHS = 2000


def wiggly(x: Array) -> Array:
    """Return the function to be learned: a wave on a slope."""
    wave: Array = np.sin(2 * x)
    return wave + 0.3 * x


X = np.linspace(-5, 5, 100)[:, None]
Y = wiggly(X)


def network(units: int) -> Architecture:
    """Return a network of one hidden layer, y = b + Σ w tanh(a + v x): each unit adds a smooth step."""
    return Architecture(
        inputs=1,
        outputs=1,
        hidden=(units,),
        activation="tanh",
        loss="squared_error",
        batch_size=25,
    )


def learned(units: int) -> Starts:
    """Train one network from several starts, as one stack; the learning rate sinks, so that descent comes to rest."""
    member = Member(seed=0, learning_rate=0.1, schedule=Cosine(EPOCHS))
    return multi_start(network(units), member, TrainingData(X, Y), starts=STARTS, epochs=EPOCHS)


def draw(curves: dict[int, Array], errors: list[float]) -> Figure:
    """Return the picture: the curve of each width over the function, and the errors."""
    figure = Figure(figsize=(14, 6), layout="constrained")
    panels = figure.subplot_mosaic([[1, 2, 4, "errors", "errors"], [8, 16, 64, "errors", "errors"]])
    for units, curve in curves.items():
        panels[units].plot(X, Y, ".", color="lightgray")
        panels[units].plot(X, curve, color="tab:red")
        panels[units].set(title=f"{units} hidden unit{'s' * (units > 1)}", ylim=(-3, 3))
    panels["errors"].loglog(HIDDEN_UNITS, errors, "o-", color="tab:red")
    panels["errors"].set(title="the wider, the closer", xlabel="hidden units", ylabel="root mean square error")
    panels["errors"].set_xticks(HIDDEN_UNITS, map(str, HIDDEN_UNITS))
    figure.suptitle("A network of two layers can approximate any continuous function (Cybenko 1989, Hornik 1991)")
    return figure


def main() -> None:
    """Learn, print, draw."""
    parser = ArgumentParser(description="How closely networks of more and more hidden units follow a curve.")
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where approximation.png goes")
    picture = parser.parse_args().out / "approximation.png"
    try:
        picture.touch()
    except OSError as error:
        parser.error(f"cannot write {picture}: {error.strerror}; give --out a folder that exists and is yours.")

    print("A network of two layers can approximate any continuous function, if only it has enough hidden units")
    print("(Cybenko 1989, Hornik 1991). Here it is y = sin 2x + 0.3 x, from -5 to 5.\n")
    print("  hidden                root mean square error")
    print(f"  units   parameters   best of {STARTS} starts   median start")
    curves, errors = {}, []
    for units in HIDDEN_UNITS:
        starts = learned(units)
        curves[units] = predict(network(units), starts.best.weights, X)
        errors.append(sqrt(np.square(curves[units] - Y).mean()))
        print(f"  {units:5}   {3 * units + 1:10}   {errors[-1]:16.4f}   {sqrt(starts.median):12.4f}")

    draw(curves, errors).savefig(picture, dpi=120)
    print(f"\nThe picture is {picture}.")


if __name__ == "__main__":
    main()

"""Exclusive or: no perceptron computes it, two layers do, and training finds it if the start is a good one.

    python examples/xor.py

A perceptron says 1 on one side of a straight line and 0 on the other. AND and OR have such a line, and the perceptron's
rule finds it; XOR has none (Minsky and Papert, Perceptrons, 1969). Two lines are enough: two hidden units, and a third
that joins them. Their weights can be written down, or be learned by backpropagation. But descent goes downhill from
where it starts, and the loss has local optima and plateaus: not every start ends at a solution.

Look at the column XOR of the truth table, which the library's own layers compute; at the rule's verdict on XOR; and at
how many starts succeed. Two hidden units can do it, yet it takes more for nearly every start to find it. In xor.png:
a network of two units, with the line of each, and how success grows with the units.
"""

from argparse import ArgumentParser
from math import log
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import numpy.typing as npt

from hpo import Architecture, Member, Starts, TrainingData, multi_start, predict
from network import perceptron

try:
    from matplotlib.figure import Figure
except ModuleNotFoundError:
    raise SystemExit('This example draws a picture with matplotlib: pip install "hpo[examples]"') from None

Array = npt.NDArray[Any]

INPUTS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
AND, OR, XOR = INPUTS[:, 0] & INPUTS[:, 1], INPUTS[:, 0] | INPUTS[:, 1], INPUTS[:, 0] ^ INPUTS[:, 1]
HIDDEN_UNITS = (2, 3, 4, 8)
ACTIVATIONS = ("tanh", "relu")
STARTS = 27


def two_layers() -> Array:
    """Return XOR of the inputs, by three units with weights set by hand: v1 and v2 in a layer, y behind them.

    v1 = g(-0.5 + x1 - x2), v2 = g(-0.5 - x1 + x2), y = g(-0.5 + v1 + v2), where g(z) is 1 if z >= 0 and 0 otherwise.
    """
    hidden, output = np.array(perceptron.XOR_HIDDEN), np.array([perceptron.XOR_OUTPUT])  # a row is a bias and weights
    weights = [
        (hidden[:, 1:].T, hidden[:, 0]),
        reading_signs(output[:, 1:].T, output[:, 0]),
        reading_signs(np.eye(1), np.zeros(1)),  # a network's last layer is linear: it hands on y as it is
    ]
    architecture = Architecture(inputs=2, outputs=1, hidden=(2, 1), activation="sign", loss="squared_error")
    return predict(architecture, weights, INPUTS)[:, 0].astype(np.int64)


def reading_signs(weights: Array, biases: Array) -> tuple[Array, Array]:
    """Return a layer that makes of signs s = ±1 what the layer given makes of steps g, 0 or 1.

    The activation "sign" has the threshold of g: g = (1 + s) / 2. So w g = w/2 + (w/2) s: half of each weight stays,
    and the other half goes to the bias.
    """
    return weights / 2, biases + weights.sum(axis=0) / 2


def network(units: int, activation: str) -> Architecture:
    """Return a network of one hidden layer, to be trained by plain gradient descent on all four rows at once."""
    return Architecture(
        inputs=2,
        outputs=1,
        hidden=(units,),
        activation=activation,
        loss="binary_cross_entropy",
        initializer="glorot_normal",
        optimizer="sgd",
        batch_size=len(INPUTS),
    )


def learned(units: int, activation: str) -> Starts:
    """Train one network from many starts, as one stack."""
    descent = Member(seed=0, learning_rate=1.0, momentum=0.0)
    return multi_start(network(units, activation), descent, TrainingData(INPUTS, XOR), starts=STARTS, epochs=1000)


def solved(starts: Starts) -> int:
    """Count the starts that found XOR: one wrong row alone costs log 2, so a mean loss below log(2)/4 has none."""
    return sum(value < log(2) / len(INPUTS) for value in starts.values)


def draw(solution: Starts, successes: dict[str, list[int]]) -> Figure:
    """Return the picture: what two tanh units have learned, and how success grows with the units."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    surface, rates = figure.subplots(1, 2)
    axis = np.linspace(-0.5, 1.5, 101)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1)
    probabilities = predict(network(2, "tanh"), solution.best.weights, plane.reshape(-1, 2)).reshape(101, 101)
    filled = surface.contourf(axis, axis, probabilities, levels=np.linspace(0, 1, 11), cmap="RdBu")
    figure.colorbar(filled, ax=surface, label="probability of 1")
    weights, biases = solution.best.weights[0]
    for unit in range(2):
        surface.contour(axis, axis, plane @ weights[:, unit] + biases[unit], levels=[0], colors="black")
    for (x1, x2), target in zip(INPUTS, XOR, strict=True):
        surface.text(x1, x2, str(target), ha="center", va="center", bbox={"boxstyle": "circle", "facecolor": "white"})
    surface.set(title="XOR by two tanh units, and the line of each", xlabel="x1", ylabel="x2", aspect="equal")
    for activation, counts in successes.items():
        rates.plot(HIDDEN_UNITS, counts, "o-", label=activation)
    rates.set(title="the start matters", xlabel="hidden units", ylabel=f"of {STARTS} starts, how many find XOR")
    rates.set(xticks=HIDDEN_UNITS, ylim=(0, STARTS + 1))
    rates.legend()
    return figure


def main() -> None:
    """Compute, learn, print, draw."""
    parser = ArgumentParser(description="What it takes to compute, and to learn, exclusive or.")
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where xor.png goes")
    picture = parser.parse_args().out / "xor.png"
    try:
        picture.touch()
    except OSError as error:
        parser.error(f"cannot write {picture}: {error.strerror}; give --out a folder that exists and is yours.")

    print("Weights set by hand: a perceptron computes AND or OR, two layers compute XOR.\n")
    print("  x1  x2   AND   OR   XOR")
    and_, or_ = (perceptron.linear_threshold(weights, INPUTS) for weights in (perceptron.AND, perceptron.OR))
    for (x1, x2), *computed in zip(INPUTS, and_, or_, two_layers(), strict=True):
        print("{:4} {:3} {:5} {:4} {:5}".format(x1, x2, *computed))

    print("\nWeights learned by the perceptron's rule:\n")
    for name, targets in (("AND", AND), ("OR", OR), ("XOR", XOR)):
        found = perceptron.learn(INPUTS, targets, max_epochs=100, rng=np.random.default_rng(0))
        print(fill(f"  {name:4} {perceptron.report(found, INPUTS, targets)}", 100, subsequent_indent=" " * 7))

    print(f"\nWeights learned by backpropagation: of {STARTS} starts, how many find XOR.\n")
    print("  hidden units", *(f"{units:4}" for units in HIDDEN_UNITS))
    starts = {activation: [learned(units, activation) for units in HIDDEN_UNITS] for activation in ACTIVATIONS}
    successes = {activation: [solved(of) for of in by_width] for activation, by_width in starts.items()}
    for activation, counts in successes.items():
        print(f"  {activation:12}", *(f"{count:4}" for count in counts))

    draw(starts["tanh"][0], successes).savefig(picture, dpi=120)
    print(f"\nThe picture is {picture}.")


if __name__ == "__main__":
    main()

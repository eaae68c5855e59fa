"""scikit-learn's MLPClassifier: NumPy as ours, one network at a time, in the float32 of its inputs."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from training.cells import L2, LEARNING_RATE, Data, DenseCell
from training.rounds import Contestant

EPOCHS = 5  # in one fit, which share its checks and its initial weights


def alone(cell: DenseCell, data: Data) -> Contestant:
    """Return a fit of one network."""
    network = MLPClassifier(
        cell.hidden,
        activation="relu",
        solver="adam",
        alpha=L2 * cell.batch,  # it divides by the rows of a minibatch
        batch_size=cell.batch,
        learning_rate_init=LEARNING_RATE,
        max_iter=EPOCHS,
        tol=0,
        n_iter_no_change=EPOCHS + 1,  # never stops early
    )

    def run() -> None:
        with warnings.catch_warnings(category=ConvergenceWarning, action="ignore"):
            network.fit(data.x_train, data.y_train)

    return Contestant("scikit-learn", run, epochs=EPOCHS)

"""A whole training against the textbook: row by row, number by number, without arrays or stacks."""

from math import exp, log, sqrt

import numpy as np
import pytest
from networks import Case, order_of

from network import Member, Training
from network.schedules import Exponential

EPOCHS = 5
COMPANY = [Member(seed=90, learning_rate=0.3), Member(seed=91, l2=0.5)]


class Textbook:
    """A dense network with ReLU, softmax cross-entropy and Adam: one number at a time, as in a first course."""

    def __init__(self, weights, member):
        self.layers = [(matrix.tolist(), biases.tolist()) for matrix, biases in weights]
        self._member, self._step = member, 0
        zeros = [([[0.0] * len(row) for row in matrix], [0.0] * len(biases)) for matrix, biases in self.layers]
        self._first, self._second = (self._copied(zeros) for _ in range(2))
        self._zeros = zeros

    def train(self, rows, rate):
        """Take one step on rows (x, class, weight); return the weighted sum of their losses."""
        gradients, total = self._copied(self._zeros), 0.0
        for x, label, weight in rows:
            total += weight * self._add_gradient(gradients, x, label, weight / len(rows))
        self._step += 1
        for layer, (matrix, biases) in enumerate(self.layers):
            for i, row in enumerate(matrix):
                for j, w in enumerate(row):
                    g = gradients[layer][0][i][j] + self._member.l2 * w
                    row[j] -= self._adam(self._first[layer][0][i], self._second[layer][0][i], j, g, rate)
            for j, g in enumerate(gradients[layer][1]):
                biases[j] -= self._adam(self._first[layer][1], self._second[layer][1], j, g, rate)
        return total

    def _adam(self, first, second, place, gradient, rate):
        beta1, beta2 = self._member.beta1, self._member.beta2
        first[place] = beta1 * first[place] + (1 - beta1) * gradient
        second[place] = beta2 * second[place] + (1 - beta2) * gradient**2
        corrected = first[place] / (1 - beta1**self._step)
        return rate * corrected / (sqrt(second[place] / (1 - beta2**self._step)) + 1e-8)

    def _add_gradient(self, gradients, x, label, share):
        """Add a row's gradient, times its share; return its loss."""
        signals = [list(x)]
        for number, (matrix, biases) in enumerate(self.layers):
            sums = [
                b + sum(s * row[j] for s, row in zip(signals[-1], matrix, strict=True)) for j, b in enumerate(biases)
            ]
            last = number == len(self.layers) - 1
            signals.append(sums if last else [max(z, 0.0) for z in sums])
        total = sum(exp(z) for z in signals[-1])
        classes, smoothing = len(signals[-1]), self._member.label_smoothing
        targets = [smoothing / classes + (1 - smoothing) * (k == label) for k in range(classes)]
        errors = [exp(z) / total - t for z, t in zip(signals[-1], targets, strict=True)]
        for layer in reversed(range(len(self.layers))):
            matrix, before = self.layers[layer][0], signals[layer]
            for j, error in enumerate(errors):
                gradients[layer][1][j] += share * error
                for i, s in enumerate(before):
                    gradients[layer][0][i][j] += share * error * s
            errors = [
                (s > 0) * sum(w * e for w, e in zip(row, errors, strict=True))
                for s, row in zip(before, matrix, strict=True)
            ]
        return -sum(t * log(exp(z) / total) for z, t in zip(signals[-1], targets, strict=True))

    @staticmethod
    def _copied(layers):
        return [([list(row) for row in matrix], list(biases)) for matrix, biases in layers]


MEMBERS = {
    "plain": {},
    "ridge": {"l2": 0.1},
    "smoothed": {"label_smoothing": 0.2},
    "scheduled": {"schedule": Exponential(0.5)},
    "all at once": {"l2": 0.01, "label_smoothing": 0.1, "schedule": Exponential(0.8), "beta1": 0.5, "beta2": 0.9},
}


@pytest.mark.parametrize("settings", MEMBERS.values(), ids=MEMBERS)
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_a_training_is_the_textbooks(settings, weighted):
    """The losses of five epochs and the weights after them, from the same start, in the same order of rows, to 1e-9."""
    case = Case.of(shape="no power of two", hidden=(6, 5), activation="relu", dtype="float64", weighted=weighted)
    member, data, size = Member(seed=3, learning_rate=0.02, **settings), case.data, case.architecture.batch_size
    training = Training(case.architecture, [COMPANY[0], member, COMPANY[1]], data)
    book = Textbook(training.weights(1), member)
    shares = np.ones(case.rows) if data.weights is None else data.weights / data.weights.mean()
    rows = list(zip(data.x_train.tolist(), data.y_train.tolist(), shares.tolist(), strict=True))
    starts = range(0, case.rows, size)
    for epoch in range(EPOCHS):
        order, loss = order_of(member, epoch, case.rows), 0.0
        for step, start in enumerate(starts):
            rate = member.learning_rate * member.schedule.factors(np.array(epoch + step / len(starts)))
            loss += book.train([rows[row] for row in order[start : start + size]], float(rate))
        assert training.train_epoch()[1].loss == pytest.approx(loss / case.rows, rel=1e-9)
    for own, expected in zip(training.weights(1, best=False), book.layers, strict=True):
        for array, values in zip(own, expected, strict=True):
            np.testing.assert_allclose(array, values, rtol=1e-7, atol=1e-9)

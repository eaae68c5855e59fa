"""What is trained: the data, and the networks with their minibatches."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

L2 = 1e-4
LEARNING_RATE = 1e-3
CLASSES = 10
DIGIT_PIXELS = 64

Array = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Data:
    """Inputs (n, …) and classes (n,), to train on and to validate with."""

    x_train: Array
    y_train: Labels
    x_validation: Array
    y_validation: Labels


@dataclass(frozen=True, slots=True)
class DenseCell:
    """Hidden layers of ReLUs on digits; `sketch_…` are epochs of scikit-learn's in one of an early sketch of ours."""

    hidden: tuple[int, ...]
    batch: int
    dropout: float = 0.0
    batch_normalization: bool = False
    sketch_alone: float | None = None
    sketch_stacked: float | None = None

    @property
    def name(self) -> str:
        """Widths and batch size, as the command line takes them."""
        return f"{'-'.join(map(str, self.hidden))}/{self.batch}"

    @property
    def widths(self) -> tuple[int, ...]:
        """From the inputs to the outputs."""
        return (DIGIT_PIXELS, *self.hidden, CLASSES)

    @property
    def parameters(self) -> int:
        """Weights and biases of the dense layers."""
        return sum((inputs + 1) * outputs for inputs, outputs in pairwise(self.widths))

    def flops(self, rows: int) -> int:
        """Operations of the matrix products of an epoch of `rows` rows."""
        return product_flops([(1, inputs, outputs) for inputs, outputs in pairwise(self.widths)], rows)


@dataclass(frozen=True, slots=True)
class ConvolutionCell:
    """Twice a convolution of 3 x 3, ReLU and the maximum of 2 x 2; then a dense layer. The padding keeps the size."""

    side: int = 28
    channels: tuple[int, ...] = (8, 16)
    batch: int = 64

    @property
    def name(self) -> str:
        """Channels and batch size."""
        return f"convolution {'-'.join(map(str, self.channels))}/{self.batch}"

    @property
    def flattened(self) -> int:
        """Inputs of the dense layer."""
        return (self.side >> len(self.channels)) ** 2 * self.channels[-1]

    def flops(self, rows: int) -> int:
        """Operations of the matrix products of an epoch of `rows` rows, a convolution being one over its patches."""
        convolutions = [
            ((self.side >> depth) ** 2, 9 * inputs, outputs)
            for depth, (inputs, outputs) in enumerate(pairwise((1, *self.channels)))
        ]
        return product_flops([*convolutions, (1, self.flattened, CLASSES)], rows)


def product_flops(products: Sequence[tuple[int, int, int]], rows: int) -> int:
    """Return the operations of layers given as (positions a row, inputs, outputs).

    Two for every weight, row and position, three times: forward, and backward to the weights and to the inputs; the
    first layer's inputs need no gradient.
    """
    return sum(
        2 * rows * positions * inputs * outputs * (3 if depth else 2)
        for depth, (positions, inputs, outputs) in enumerate(products)
    )


DENSE_CELLS = (
    DenseCell((16,), 16, sketch_alone=3.3, sketch_stacked=21),
    DenseCell((32,), 32, sketch_alone=3.2, sketch_stacked=12),
    DenseCell((64,), 32, sketch_alone=3.1, sketch_stacked=8.5),
    DenseCell((128,), 32, sketch_alone=3.0, sketch_stacked=5.8),
    DenseCell((128,), 128, sketch_alone=2.7, sketch_stacked=3.5),
    DenseCell((256,), 128, sketch_alone=2.6, sketch_stacked=2.6),
    DenseCell((512,), 200, sketch_alone=2.2, sketch_stacked=1.4),
)
DENSE_STACK = 27
DEEP_CELL = DenseCell((128, 128, 128), 128, dropout=0.2, batch_normalization=True)
DEEP_STACK = 9
CONVOLUTION_CELL = ConvolutionCell()
CONVOLUTION_STACK = 4


def digits(copies: int = 1) -> Data:
    """Return 1,437 rows of scikit-learn's digits, `copies` times, to train on, and the other 360 to validate with."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    split = train_test_split(x.astype(np.float32) / 16, y, test_size=360, random_state=0)
    x_train, x_validation, y_train, y_validation = split
    return Data(np.tile(x_train, (copies, 1)), np.tile(y_train, copies), x_validation, y_validation)


def large_digits(side: int, train: int = 2000, validation: int = 500) -> Data:
    """Return digits magnified to (n, side, side), each moved by up to two pixels, with a little noise."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(x), size=train + validation)
    pixels = np.arange(side) * 8 // side
    images = (x.reshape(-1, 8, 8).astype(np.float32) / 16)[chosen][:, pixels][:, :, pixels]
    for image, shift in zip(images, rng.integers(-2, 3, size=(len(images), 2)), strict=True):
        image[...] = np.roll(image, shift, axis=(0, 1))
    images += 0.1 * rng.standard_normal(images.shape, dtype=np.float32)
    labels = y[chosen]
    return Data(images[:train], labels[:train], images[train:], labels[train:])

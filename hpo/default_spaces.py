"""The spaces that are searched where no other is given."""

from typing import TYPE_CHECKING, Literal

from strategies import Choice, Float, Int, Space
from strategies.errors import SpaceError
from strategies.spelling import suggestion

if TYPE_CHECKING:
    from strategies.parameters import Parameter


def default_space(task: Literal["classification", "multilabel", "regression"] = "classification") -> Space:
    """Return the space of networks for a task.

    What decides a network's shape has few values, so that trials of one shape train as one stack; everything else costs
    nothing to vary. For every task:

    - `learning_rate` 0.0003 … 0.1, even in its logarithm: the setting that matters most (Bengio, arXiv 1206.5533, 2012,
      section 3.1.1). Adam wants the lower half on standardised inputs, gradient descent with momentum the upper.
    - `layers` 1 … 3 and their widths `hidden_1`, `hidden_2`, `hidden_3`, 32 or 128 each: tables rarely reward more, and
      a factor of four between widths is as fine as validation data can tell. A layer's width exists where the layer
      does.
    - `optimizer` adam or sgd: Adam is the quicker, gradient descent often the better in the end (Wilson et al., NIPS
      2017); `momentum` 0.5 … 0.99 for sgd alone.
    - `schedule` constant or cosine: falling learning rates help long trainings, and cost nothing in short ones.
    - `dropout` 0 … 0.5 (Srivastava et al., JMLR 2014, section 7.3: half at most for hidden units) and `l2` 1e-6 … 1e-2,
      even in its logarithm: the two cures of overfitting that depend on the data most.

    Classification adds `label_smoothing` 0 … 0.2 (0.1 in Szegedy et al., CVPR 2016), regression the `loss`: squared
    error, or Huber's, which outliers cannot pull far. Left as they are: `activation` (ReLU; it is not a close race on
    standardised tables), `batch_size` (32), `normalization` (none: three layers train without) and the moments of Adam.
    Raises SpaceError for a task that there is not.
    """
    for_all: dict[str, Parameter] = {
        "learning_rate": Float(3e-4, 1e-1, log=True),
        "layers": Int(1, 3),
        "hidden_1": Choice(32, 128),
        "hidden_2": Choice(32, 128, when={"layers": (2, 3)}),
        "hidden_3": Choice(32, 128, when={"layers": 3}),
        "optimizer": Choice("adam", "sgd"),
        "momentum": Float(0.5, 0.99, when={"optimizer": "sgd"}),
        "schedule": Choice("constant", "cosine"),
        "dropout": Float(0.0, 0.5),
        "l2": Float(1e-6, 1e-2, log=True),
    }
    of_task: dict[str, dict[str, Parameter]] = {
        "classification": {"label_smoothing": Float(0.0, 0.2)},
        "multilabel": {},
        "regression": {"loss": Choice("squared_error", "huber")},
    }
    if task not in of_task:
        raise SpaceError(f"there is no task {task!r}.{suggestion(str(task), of_task)} It is {' or '.join(of_task)}.")
    return Space(for_all | of_task[task])

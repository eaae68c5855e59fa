"""One thread for numerical libraries: no oversubscription, and sums that round alike wherever a decision is taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strategies import Strategy


@contextmanager
def one_thread(strategy: "Strategy") -> Iterator[None]:
    """Within: numerical libraries compute on one thread, also those that `strategy` will load."""
    from threadpoolctl import threadpool_limits

    if any(part.adaptive and not part.numpy_only for part in strategy.parts.values()):
        import scipy.linalg  # noqa: F401 - it brings a BLAS of its own, which can be limited only once it is loaded
    with threadpool_limits(1):
        yield

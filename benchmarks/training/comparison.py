"""Side by side with the peers: an epoch of one network, alone and in a stack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import network
from training import machine, ours
from training.cells import ConvolutionCell, Data, DenseCell
from training.parts import Profile, profile
from training.peers import pytorch, scikit_learn, xla
from training.rounds import Contestant, Ratio, Times, ratio, take_turns

PRODUCT = "sgemm"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The times of all that took turns on a cell, by name; `flops` and `steps` are those of a network's epoch.

    `sketch` holds for some of ours what an early sketch reached, in epochs of the reference's in one of ours.
    """

    cell: str
    reference: str
    flops: int
    steps: int
    times: dict[str, Times]
    profiles: dict[str, Profile]
    sketch: dict[str, float | None]

    @property
    def contestants(self) -> list[str]:
        """The names of all that train."""
        return [name for name in self.times if name != PRODUCT]

    def speed(self, name: str) -> Ratio:
        """Return how many epochs it makes in the time of one of the reference's."""
        return ratio(self.times[self.reference], self.times[name])

    @property
    def peak(self) -> float:
        """The operations a second of one large product."""
        return machine.product_flops() / self.times[PRODUCT].milliseconds * 1e3

    def of_peak(self, name: str) -> Ratio:
        """Return the operations a second of its matrix products, by those of one large product on the same core."""
        return ratio(self.times[PRODUCT], self.times[name], self.flops / machine.product_flops())


def compare_dense(cell: DenseCell, data: Data, networks: int, rounds: int) -> Comparison:
    """Compare on one hidden layer, alone and in a stack of `networks`."""
    peers = [
        scikit_learn.alone(cell, data),
        pytorch.alone(pytorch.dense(cell), data, cell.batch),
        xla.stack(cell, data, 1),
        pytorch.in_turn([pytorch.dense(cell) for _ in range(networks)], data, cell.batch),
        pytorch.by_vmap(cell, data, networks),
        pytorch.by_batched_products(cell, data, networks),
        xla.stack(cell, data, networks),
    ]
    return _compare(
        cell,
        peers,
        partial(ours.dense, cell, data),
        sketch={1: cell.sketch_alone, networks: cell.sketch_stacked},
        rows=len(data.x_train),
        rounds=rounds,
    )


def compare_deep(cell: DenseCell, data: Data, networks: int, rounds: int) -> Comparison:
    """Compare on many layers with dropout and batch normalization: PyTorch alone, ours alone and in a stack."""
    return _compare(
        cell,
        [pytorch.alone(pytorch.dense(cell), data, cell.batch)],
        partial(ours.dense, cell, data),
        sketch={1: None, networks: None},
        rows=len(data.x_train),
        rounds=rounds,
    )


def compare_convolution(cell: ConvolutionCell, data: Data, networks: int, rounds: int) -> Comparison:
    """Compare on a small convolutional network: PyTorch alone, ours alone and in a stack."""
    return _compare(
        cell,
        [pytorch.alone(pytorch.convolution(cell), data, cell.batch)],
        partial(ours.convolution, cell, data),
        sketch={1: None, networks: None},
        rows=len(data.x_train),
        rounds=rounds,
    )


def _compare(
    cell: DenseCell | ConvolutionCell,
    peers: Sequence[Contestant],
    build: Callable[..., network.Training],
    *,
    sketch: dict[int, float | None],
    rows: int,
    rounds: int,
) -> Comparison:
    """Let the peers and our stacks of the sizes in `sketch` take turns; none of them evaluates.

    The profiles are of stacks that do.
    """
    stacks = [ours.contestant(build(networks, validated=False)) for networks in sketch]
    times = take_turns([*peers, *stacks, Contestant(PRODUCT, machine.product())], rounds)
    return Comparison(
        cell=cell.name,
        reference=peers[0].name,
        flops=cell.flops(rows),
        steps=-(-rows // cell.batch),
        times=times,
        profiles={ours.name(networks): profile(lambda networks=networks: build(networks)) for networks in sketch},
        sketch={ours.name(networks): reached for networks, reached in sketch.items()},
    )

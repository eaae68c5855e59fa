"""What training costs: an epoch of a network on one core, side by side with scikit-learn, PyTorch and JAX.

    python benchmarks/training.py            # some minutes;  --quick: about one
    python benchmarks/training.py --cells 64/32 512/200 --rounds 9 --json training.json
    python benchmarks/training.py --blas-kernel SkylakeX

Every contestant trains the same networks on scikit-learn's digits (1,437 rows of 64 pixels): one hidden layer of ReLUs,
Adam, L2, float32, one thread. None evaluates; what ours would take to do so, on the other 360 rows, is told apart.
Cells are hidden/batch. They take turns, round by round, in this process; a ratio is the median of the rounds' own, with
the lowest and the highest. Then three layers with dropout and batch normalization, and a small convolutional network,
against PyTorch.

Of ours it also prints the share of the core's own speed in float32 matrix products, the parts of a step, memory, and
growth with rows and with width. Quote the ratios: machines are noisy.

OpenBLAS chooses its kernel by the processor, unless OPENBLAS_CORETYPE names one; `--blas-kernel` sets that variable for
the whole run, scikit-learn's products included. "Haswell" computes with vectors half as wide as "SkylakeX" does.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from training import machine

# Whatever loads NumPy is imported in functions: the threads and the kernel of its BLAS are chosen before.

QUICK_CELLS = ["64/32", "128/128"]
PEERS = ("sklearn", "torch", "jax")


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("--quick", action="store_true", help="two cells and few rounds, in about a minute")
    parser.add_argument("--cells", nargs="+", metavar="HIDDEN/BATCH", help="these of the cells instead of all")
    parser.add_argument("--rounds", type=int, help="how often each contestant's turn comes (7; quick: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements to this file")
    parser.add_argument("--blas-kernel", metavar="NAME", help="the kernel for NumPy's OpenBLAS, as Haswell or SkylakeX")
    arguments = parser.parse_args()
    if arguments.rounds is None:
        arguments.rounds = 3 if arguments.quick else 7
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}, but must be at least 1")
    if arguments.json is not None and not arguments.json.parent.is_dir():
        parser.error(f"--json: there is no folder {arguments.json.parent} to write {arguments.json.name} to")
    if arguments.cells is None and arguments.quick:
        arguments.cells = QUICK_CELLS
    return arguments


def describe(blas_kernel: str | None) -> dict[str, str]:
    """Print and return what the figures depend on; exit when OpenBLAS has not the kernel asked for."""
    description = machine.description()
    print(", ".join(f"{name} {value}" for name, value in description.items()))
    chosen = machine.blas_kernel()
    if blas_kernel is not None and chosen.lower() != blas_kernel.lower():
        sys.exit(f"NumPy's BLAS computes with {chosen}, not with {blas_kernel}: name a kernel that it has, or none.")
    if blas_kernel is None and machine.BLAS_KERNEL in os.environ:
        print(
            f"The environment's {machine.BLAS_KERNEL} chose {chosen}; unset it, and OpenBLAS chooses by the processor."
        )
    return description


def side_by_side(names: list[str] | None, rounds: int) -> dict[str, object]:
    """Compare with the peers, cell by cell, and print where our time goes."""
    from training import cells, comparison, ours, report

    known = {cell.name: cell for cell in cells.DENSE_CELLS}
    if unknown := set(names or ()) - set(known):
        sys.exit(f"There is no cell {', '.join(sorted(unknown))}. Cells are: {', '.join(known)}.")
    data, networks = cells.digits(), cells.DENSE_STACK
    dense = []
    for cell in [known[name] for name in names or known]:
        dense.append(comparison.compare_dense(cell, data, networks, rounds))
        report.print_comparison(dense[-1])
    report.print_summary(dense, networks)
    images = cells.large_digits(cells.CONVOLUTION_CELL.side)
    others = {
        cells.DEEP_STACK: comparison.compare_deep(cells.DEEP_CELL, data, cells.DEEP_STACK, rounds),
        cells.CONVOLUTION_STACK: comparison.compare_convolution(
            cells.CONVOLUTION_CELL, images, cells.CONVOLUTION_STACK, rounds
        ),
    }
    for one in others.values():
        report.print_comparison(one)
    for size in (1, networks):
        report.print_parts(dense, ours.name(size))
    for size, one in others.items():
        report.print_parts([one], ours.name(size))
    return {
        one.cell: asdict(one) | {"speeds": {name: asdict(one.speed(name)) for name in one.contestants}}
        for one in [*dense, *others.values()]
    }


def ours_alone(rounds: int, *, quick: bool) -> dict[str, object]:
    """Print our memory, and our growth with rows and with width."""
    from training import cells, growth, memory, report

    data = cells.digits()
    peaks = {}
    for cell in (cells.DENSE_CELLS[2], cells.DENSE_CELLS[-1]):
        peaks[cell.name] = {networks: memory.measure(cell, data, networks) for networks in (1, cells.DENSE_STACK)}
        report.print_memory(cell.name, peaks[cell.name])
    copies, widths = ((1, 4), (64, 256)) if quick else ((1, 2, 4, 8), (64, 128, 256, 512, 1024))
    rows, width = growth.by_rows(copies, rounds), growth.by_width(widths, rounds)
    report.print_growth("Growth with rows, in copies of the 1,437", rows)
    report.print_growth("Growth with the width of the hidden layer", width)
    return {
        "memory": {name: {size: asdict(peak) for size, peak in sizes.items()} for name, sizes in peaks.items()},
        "rows": [asdict(one) for one in rows],
        "width": [asdict(one) for one in width],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments = arguments_of(parser)
    if missing := [name for name in PEERS if find_spec(name) is None]:
        sys.exit(f"This needs {' and '.join(missing)} to compare with. Install them: pip install 'hpo[bench]'.")
    machine.keep_to_one_core(arguments.blas_kernel)
    result: dict[str, object] = {"machine": describe(arguments.blas_kernel)}
    result["comparisons"] = side_by_side(arguments.cells, arguments.rounds)
    result["ours"] = ours_alone(arguments.rounds, quick=arguments.quick)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

"""The machine: one core of it, one thread of BLAS, and what these can do at best."""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
BLAS_KERNEL = "OPENBLAS_CORETYPE"
PRODUCT_SIZE = 1024


def keep_to_one_core(blas_kernel: str | None) -> None:
    """Pin this process to one core, where the system can, and its libraries to one thread.

    NumPy's OpenBLAS then takes the kernel named. They read their variables when they load, so NumPy must not have been.
    """
    if "numpy" in sys.modules:
        raise RuntimeError("NumPy is loaded already, and has chosen its threads: call this before anything imports it.")
    os.environ.update(ONE_THREAD)
    if blas_kernel is not None:
        os.environ[BLAS_KERNEL] = blas_kernel
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def blas_kernel() -> str:
    """Return the kernel that NumPy's OpenBLAS has chosen, as "Haswell" or "SkylakeX"."""
    import numpy as np
    from threadpoolctl import threadpool_info

    home = Path(np.__file__).parent.parent
    for library in threadpool_info():
        if library["user_api"] == "blas" and Path(library["filepath"]).is_relative_to(home):
            return str(library.get("architecture", library["internal_api"]))
    return "unknown"


def product() -> Callable[[], object]:
    """Return what multiplies two large square matrices in float32: the most that NumPy can ask of this core."""
    import numpy as np

    left, right = np.random.default_rng(0).standard_normal((2, PRODUCT_SIZE, PRODUCT_SIZE), dtype=np.float32)
    result = np.empty_like(left)
    return lambda: np.matmul(left, right, out=result)


def product_flops() -> int:
    """Return the operations of one such product."""
    return 2 * PRODUCT_SIZE**3


def description() -> dict[str, str]:
    """Return what the figures depend on."""
    import jax
    import numpy as np
    import sklearn
    import torch

    return {
        "processor": _processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas kernel": blas_kernel(),
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
        "jax": jax.__version__,
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

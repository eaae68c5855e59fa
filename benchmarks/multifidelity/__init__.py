"""What `python benchmarks/multifidelity.py` compares: recorded tables, ours and the rivals on them, and the report.

Everyone has one thread: BLAS chooses its threads when it loads, which is after this.
"""

import os

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

"""What `python benchmarks/search.py` compares: problems, the rivals and ours on them, and the report.

Everyone has one thread: BLAS chooses its threads when it loads, which is after this.
"""

import os

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

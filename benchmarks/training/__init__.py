"""What `python benchmarks/training.py` measures, one measurement a module, and the peers it measures against."""

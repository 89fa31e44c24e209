"""The benchmark of accuracy; `python -m benchmarks.accuracy --help`."""

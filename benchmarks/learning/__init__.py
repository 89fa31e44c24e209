"""The benchmark of learning from episodes; `python -m benchmarks.learning --help`."""

"""Measurements that the docs show; `make bench-...` runs them."""

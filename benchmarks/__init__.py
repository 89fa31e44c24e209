"""Measurements that the docs show; `make bench-...` runs them.

Their figures are those of the reference encoder, unless a benchmark is about another one.
"""

import os

os.environ.setdefault("TEXTSHOT_BACKEND", "torch")

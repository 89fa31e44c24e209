"""How fast the encoder is, beside its peers: `python -m benchmarks.speed --data FOLDER`.

- engines: what is measured; measures: how
- page: the table, and what is said under it; plot: the picture
"""

"""Compiled encoders: the reference as a graph that runs without torch, verified to be equal.

- backends: choose OpenVINO, ONNX Runtime or torch; graphs: run a graph in the first two
- tokens: texts to batches of tokens, without transformers
- export: the reference as a graph (torch, once), and in 8 bits
- store: the cache on disk; verification: compare a graph with the reference
- load: all of it together; encoder: the result
- static: models of one matrix, which need no graph
"""

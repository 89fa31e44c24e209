"""Compiled twins: the reference encoder as a graph that runs without torch, and is proven equal.

- tokens: text to token numbers, by the Rust tokenizer alone
- batches: token numbers to batches with next to no padding
- export: the reference to a graph (torch, once)
- store: the cache on disk, a folder for each encoder, made under a lock
- proof: what makes a twin a twin; proven: a graph that is one; refusals: models that have none
- engines: OpenVINO and ONNX Runtime; choose: which of them
- load: all of it together; encoder: what people get
- static: models of one matrix, which need no graph
"""

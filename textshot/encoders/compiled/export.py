"""The reference encoder as a graph: transformer, pooling and unit rows in one (torch, onnx)."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textshot.encoders.compiled.refusals import NotCompilableError
from textshot.encoders.quiet import quiet_libraries

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "embedding"
_OPSET = 17


def to_onnx(model: Any) -> bytes:
    """Return a sentence-transformers model as ONNX: two int64 (n, tokens) to float32 (n, dim).

    By torch's older exporter, which traces: it takes two seconds and one more package where the
    newer one takes fifteen and three; both give the same numbers.

    The model is not as fast afterwards: give one that is thrown away.

    Raises:
        NotCompilableError: torch cannot trace the model, or `onnx` is not installed.
    """
    import torch

    class Whole(torch.nn.Module):
        """All modules of the model, one after another."""

        def __init__(self) -> None:
            super().__init__()
            self.modules_in_order = torch.nn.ModuleList(model)
            self.types = "token_type_ids" in model.tokenizer.model_input_names

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            if self.types:
                features["token_type_ids"] = torch.zeros_like(input_ids)
            for module in self.modules_in_order:
                features = module(features)
            rows = features["sentence_embedding"][:, : model.truncate_dim]  # None: all of it
            found: torch.Tensor = torch.nn.functional.normalize(rows)
            return found

    example = torch.from_numpy(_example(model))
    _attend_plainly(model)
    axes = {0: "texts", 1: "tokens"}
    try:
        # Warnings of the exporter are about itself, and about traces, which are proven afterwards.
        with (
            TemporaryDirectory() as folder,
            warnings.catch_warnings(),
            quiet_libraries(),
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore")
            path = Path(folder, "graph.onnx")
            torch.onnx.export(
                Whole().eval(),
                (example, torch.ones_like(example)),
                path,
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_axes={**dict.fromkeys(INPUTS, axes), OUTPUT: {0: "texts"}},
                opset_version=_OPSET,
                dynamo=False,
            )
            return path.read_bytes()
    except (OSError, MemoryError):  # of the machine, and not of the model
        raise
    except Exception as error:  # of three libraries, each with its own kinds
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise NotCompilableError(f"the model cannot be written as a graph: {reason}") from error


def _attend_plainly(model: Any) -> None:
    """Let attention be written as two products and a softmax, which engines recognise and fuse.

    What torch writes for its own kernel has checks for rows without any token in between.
    """
    inner = getattr(model[0], "model", None)
    # transformers' own; what cannot do it keeps its kernel, and is a little slower
    if inner is not None and hasattr(inner, "set_attn_implementation"):
        with suppress(ValueError, NotImplementedError):
            inner.set_attn_implementation("eager")


def _example(model: Any) -> NDArray[np.int64]:
    numbers = model.tokenizer(["one text", "and another one"], padding=True)["input_ids"]
    return np.array(numbers, np.int64)

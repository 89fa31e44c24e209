"""Export the reference as an ONNX graph (torch, onnx), and quantize a graph to 8 bits (nncf)."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from textshot.encoders.compiled.graphs import INPUTS, OUTPUT, Batch, import_openvino, pack
from textshot.encoders.compiled.store import NotCompilableError
from textshot.encoders.hub import quiet_libraries

INT8_MARK = "-int8-1"
"""Suffix of the fingerprint in 8 bits, whose vectors are others: a change of how a graph is
quantized needs another one."""

WIDE_PRODUCTS = (2, 1000)
"""How many of the products that make a vector shorter keep more bits, counted from the first layer:
tried in this order. Their inputs are the values after the activation, a few of which are very
large; rounding them in the first layers is most of the loss (docs/adr/0019)."""

CALIBRATION_TOKENS = 64
"""Tokens of a calibration batch: what counts is each token, not speed."""

_OPSET = 17
_SMOOTH = 0.8  # how much of a channel's size is moved from the values to the weights (SmoothQuant)


def to_onnx(model: Any) -> bytes:
    """Return a sentence-transformers model as ONNX: two int64 (n, tokens) to float32 (n, dim).

    By torch's older exporter, which traces: it takes two seconds and one more package where the
    newer one takes fifteen and three; both give the same numbers. The model is slower afterwards:
    pass one that is thrown away.

    Raises:
        NotCompilableError: torch cannot trace the model, or `onnx` is not installed.
    """
    import torch

    numbers = model.tokenizer(["one text", "and another one"], padding=True)["input_ids"]
    example = torch.from_numpy(np.array(numbers, np.int64))
    _use_eager_attention(model)
    axes = {0: "texts", 1: "tokens"}
    try:
        # Warnings of the exporter are about itself, and about traces, which are verified later.
        with (
            TemporaryDirectory() as folder,
            warnings.catch_warnings(),
            quiet_libraries(),
            torch.no_grad(),
        ):
            warnings.simplefilter("ignore")
            path = Path(folder, "graph.onnx")
            torch.onnx.export(
                _pipeline(model).eval(),
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
        raise NotCompilableError(f"the model cannot be exported: {_line(error)}") from error


def _pipeline(model: Any) -> Any:
    """Return all modules of a model, and unit length, as one module of torch."""
    import torch

    class Pipeline(torch.nn.Module):
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
            unit: torch.Tensor = torch.nn.functional.normalize(rows)
            return unit

    return Pipeline()


def _use_eager_attention(model: Any) -> None:
    """Write attention as two products and a softmax, which backends recognise and fuse.

    What torch writes for its own kernel has checks for rows without any token in between.
    """
    inner = getattr(model[0], "model", None)
    # A model of transformers that cannot do it keeps its kernel, and is a little slower.
    if inner is not None and hasattr(inner, "set_attn_implementation"):
        with suppress(ValueError, NotImplementedError):
            inner.set_attn_implementation("eager")


def quantize(graph: bytes, texts: Iterable[Batch], n_wide: int) -> bytes:
    """Return a graph in 8 bits: weights by channel, values with the ranges they have in `texts`.

    The ranges are static, so that a text has the same vector alone and in any batch; ranges that
    are measured on each batch make answers depend on it. Products with weights alone are in 8 bits.
    Those of attention are a few percent of the work at most, and stay.

    Args:
        graph: as ONNX.
        texts: batches of calibration texts.
        n_wide: how many products that make a vector shorter keep more bits.

    Returns:
        What `OpenVinoGraph` takes with precision "int8".

    Raises:
        NotCompilableError: nncf cannot quantize the graph.
    """
    nncf = _import_nncf()
    from nncf.quantization import advanced_parameters as advanced
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    model = import_openvino().Core().read_model(graph)
    inputs = [dict(zip(INPUTS, batch[1:], strict=True)) for batch in texts]
    try:
        # nncf's own switch of its log would turn a program's handlers down as well.
        with quiet_libraries(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            quantized = nncf.quantize(
                model,
                nncf.Dataset(inputs),
                subset_size=len(inputs),
                preset=nncf.QuantizationPreset.MIXED,
                model_type=nncf.ModelType.TRANSFORMER,
                ignored_scope=nncf.IgnoredScope(names=wide_products(model, n_wide)),
                advanced_parameters=advanced.AdvancedQuantizationParameters(
                    activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
                    smooth_quant_alphas=advanced.AdvancedSmoothQuantParameters(matmul=_SMOOTH),
                ),
            )
    except (OSError, MemoryError):  # of the machine, and not of the model
        raise
    except Exception as error:  # of two libraries, each with its own kinds
        raise NotCompilableError(f"the model cannot be quantized: {_line(error)}") from error
    return pack(quantized)


def wide_products(model: Any, n_wide: int) -> list[str]:
    """Return the names of the products that keep more bits: attention's, and `n_wide` others."""
    attention, shortening = [], []
    for product in model.get_ordered_ops():
        if product.get_type_name() != "MatMul":
            continue
        shape = _weights_shape(product)
        if shape is None:
            attention.append(product.get_friendly_name())
        elif shape[0] > shape[1]:
            shortening.append(product.get_friendly_name())
    return [*attention, *shortening[:n_wide]]


def _weights_shape(product: Any) -> tuple[int, int] | None:
    """Return the length of a vector before and after a product; None: it has no weights."""
    shape = product.input(1).get_partial_shape()
    source = product.input_value(1).get_node()
    while source.get_type_name() in ("Convert", "Transpose"):
        source = source.input_value(0).get_node()
    if source.get_type_name() != "Constant" or shape.rank.get_length() != 2:
        return None
    before, after = (int(n.get_length()) for n in shape)
    return (after, before) if product.get_attributes().get("transpose_b") else (before, after)


def _import_nncf() -> Any:
    os.environ.setdefault("NNCF_CI", "1")  # switches telemetry off, as for OpenVINO
    import_openvino()
    import nncf

    return nncf


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

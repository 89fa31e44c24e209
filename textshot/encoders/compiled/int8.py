"""A graph in 8 bits whose vectors do not depend on the texts beside: static ranges, by nncf.

The ranges of what goes into each product are measured once, on texts that come with textshot, so
that a text has the same vector alone and in any batch. What dynamic ranges do, which are measured
on each batch, no answer could rely on.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from textshot.encoders.compiled.export import INPUTS
from textshot.encoders.compiled.onnx_graph import Batch
from textshot.encoders.compiled.openvino_graph import import_openvino, pack
from textshot.encoders.compiled.refusals import NotCompilableError
from textshot.encoders.quiet import quiet_libraries

MARK = "-int8-1"
"""Behind the fingerprint of the reference, whose vectors these are not: another way to quantise
needs another mark."""

WIDE = (2, 1000)
"""How many of the products that make a vector shorter keep more bits, counted from the first layer:
tried in this order. What goes into them are the values behind the activation, a few of which are
very large; in the first layers their rounding is most of all that is lost (docs/adr/0019)."""

_SMOOTH = 0.8  # how much of a channel's size is moved from the values to the weights (SmoothQuant)
TOKENS = 64
"""Of a batch of calibration, which is about each token and not about speed."""


def to_int8(graph: bytes, texts: Iterable[Batch], wide: int) -> bytes:
    """Return a graph in 8 bits: weights by channel, values with ranges as they are in `texts`.

    Products with weights alone are in 8 bits. Attention's own are a few percent of the work at
    most, and stay.

    Args:
        graph: as ONNX.
        texts: batches of the texts to measure on.
        wide: how many products that shorten a vector keep more bits.

    Returns:
        What `OpenVinoGraph` takes with precision "int8".

    Raises:
        NotCompilableError: nncf cannot quantise the graph.
    """
    nncf = _nncf()
    from nncf.quantization import advanced_parameters as advanced
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    model = import_openvino().Core().read_model(graph)
    inputs = [dict(zip(INPUTS, some[1:], strict=True)) for some in texts]
    try:
        # nncf's own switch of its log would turn a program's handlers down as well.
        with (
            quiet_libraries(),
            redirect_stdout(io.StringIO()),  # its bars
            redirect_stderr(io.StringIO()),
        ):
            found = nncf.quantize(
                model,
                nncf.Dataset(inputs),
                subset_size=len(inputs),
                preset=nncf.QuantizationPreset.MIXED,
                model_type=nncf.ModelType.TRANSFORMER,
                ignored_scope=nncf.IgnoredScope(names=kept(model, wide)),
                advanced_parameters=advanced.AdvancedQuantizationParameters(
                    activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
                    smooth_quant_alphas=advanced.AdvancedSmoothQuantParameters(matmul=_SMOOTH),
                ),
            )
    except (OSError, MemoryError):  # of the machine, and not of the model
        raise
    except Exception as error:  # of two libraries, each with its own kinds
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise NotCompilableError(f"the model cannot be written in 8 bits: {reason}") from error
    return pack(found)


def kept(model: Any, wide: int) -> list[str]:
    """Return the names of the products that keep more bits: attention's own, and `wide` others."""
    attention, shorter = [], []
    for product in model.get_ordered_ops():
        if product.get_type_name() != "MatMul":
            continue
        shape = _weights_shape(product)
        if shape is None:
            attention.append(product.get_friendly_name())
        elif shape[0] > shape[1]:
            shorter.append(product.get_friendly_name())
    return [*attention, *shorter[:wide]]


def _weights_shape(product: Any) -> tuple[int, int] | None:
    """Return how long a vector is before and after a product; None: it is not one with weights."""
    shape = product.input(1).get_partial_shape()
    source = product.input_value(1).get_node()
    while source.get_type_name() in ("Convert", "Transpose"):
        source = source.input_value(0).get_node()
    if source.get_type_name() != "Constant" or shape.rank.get_length() != 2:
        return None
    before, after = (int(n.get_length()) for n in shape)
    return (after, before) if product.get_attributes().get("transpose_b") else (before, after)


def _nncf() -> Any:
    # As for OpenVINO: without its module of telemetry it has a stand-in, and this asks for it too.
    os.environ.setdefault("NNCF_CI", "1")
    import_openvino()
    import nncf

    return nncf

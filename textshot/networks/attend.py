"""What the networks share: the learned scale, and the keys of an episode fused per way (torch)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray, IntArray
from textshot.errors import InvalidTextsError
from textshot.networks.base import DESCRIPTION, EXAMPLE, NAME, EpisodeEmbeddings

if TYPE_CHECKING:
    from torch import Tensor

SCALE = 20.0
"""Where the scale of a cosine starts: unscaled, no softmax over many ways can be sure."""

MIN_SCALE, MAX_SCALE = 5.0, 60.0
ALL_KINDS = (NAME, DESCRIPTION, EXAMPLE)


class EpisodeKeys(NamedTuple):
    """The keys of an episode (n_way, n_keys, dim), kinds (n_keys,), present (n_way, n_keys)."""

    rows: Tensor
    kinds: list[int]
    present: Tensor


def initial_log_scale() -> FloatArray:
    """Return the log of the scale that learning starts from, (1,)."""
    return np.array([math.log(SCALE)], np.float32)


def attention_scale(parameters: Mapping[str, FloatArray]) -> float:
    """Return the learned scale within its bounds; SCALE before any learning."""
    if "log_scale" not in parameters:
        return SCALE
    return float(np.clip(np.exp(np.float64(parameters["log_scale"][0])), MIN_SCALE, MAX_SCALE))


def attend(
    cosines: NDArray[np.float64], rows: IntArray, weights: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    """Return the attention of each category's keys on the scale of a cosine.

    log(sum_k w_k exp(scale * cos_k) / sum_k w_k) / scale: between their mean and the largest one.

    Args:
        cosines: (n, n_keys), category by category.
        rows: int64 (n_keys,), the category of each key, none left out.
        weights: (n_keys,) or (n, n_keys), not negative, more than 0 for one key of each category.
        scale: positive.
    """
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    top = np.maximum.reduceat(cosines, starts, axis=1)
    near = weights * np.exp(scale * (cosines - np.repeat(top, np.bincount(rows), axis=1)))
    mean = np.add.reduceat(near, starts, axis=1) / np.add.reduceat(weights, starts, axis=-1)
    found: NDArray[np.float64] = top + np.log(mean) / scale
    return found


def bounded_scale(log_scale: Tensor) -> Tensor:
    """Return the scale within its bounds, (1,)."""
    return bounded(log_scale.exp(), MIN_SCALE, MAX_SCALE)


def bounded(number: Tensor, least: float, most: float) -> Tensor:
    """Return a number within its bounds; it can learn its way back from beyond (a clamp cannot)."""
    return number + (number.clamp(least, most) - number).detach()


@contextmanager
def full_precision(views: EpisodeEmbeddings) -> Iterator[EpisodeEmbeddings]:
    """Leave autocast for a while: cosines times 60 have no digits to spare."""
    import torch

    found = {f.name: getattr(views, f.name) for f in fields(views)}
    narrow = (torch.bfloat16, torch.float16)
    wide = {n: t.float() for n, t in found.items() if t is not None and t.dtype in narrow}
    with torch.autocast(views.query.device.type, enabled=False):
        yield replace(views, **wide)


def unit(rows: Tensor) -> Tensor:
    """Return rows of length 1; a row of zeros stays."""
    from torch.nn.functional import normalize

    return normalize(rows, dim=-1)


def episode_keys(views: EpisodeEmbeddings, parts: tuple[int, ...] = ALL_KINDS) -> EpisodeKeys:
    """Return the keys of the kinds `parts`: name, description, examples, as far as there are any.

    Raises:
        InvalidTextsError: nothing stands for a way.
    """
    import torch

    rows: list[Tensor] = []
    kinds: list[int] = []
    if NAME in parts and views.names is not None:
        rows, kinds = [*rows, views.names[:, None]], [*kinds, NAME]
    if DESCRIPTION in parts and views.descriptions is not None:
        rows, kinds = [*rows, views.descriptions[:, None]], [*kinds, DESCRIPTION]
    if EXAMPLE in parts:
        rows, kinds = [*rows, views.support], [*kinds, *[EXAMPLE] * views.support.shape[1]]
    keys = torch.cat(rows, 1) if kinds else views.support[:, :0]
    present = keys.detach().abs().amax(-1) > 0 if kinds else keys[..., 0] > 0
    if not bool(present.any(1).all()):
        raise InvalidTextsError(
            "an episode has a way with no example, no name and no description: nothing stands for"
            " it. Sample at least one example per category, or keep the names"
        )
    return EpisodeKeys(keys, kinds, present)


def episode_prototypes(keys: EpisodeKeys, kind_bias: Tensor | None = None) -> Tensor:
    """Return each way's keys as one unit row, (n_way, dim), weighted by exp(kind_bias) (3,)."""
    if kind_bias is None:  # keys that are not there are zeros
        return unit(keys.rows.sum(1))
    weights = kind_bias.exp()[keys.kinds]
    return unit((keys.rows * weights[None, :, None]).sum(1))


def cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean cross-entropy, a scalar, from logits (n, n_way)."""
    from torch.nn.functional import cross_entropy as of_torch

    return of_torch(logits, truth)

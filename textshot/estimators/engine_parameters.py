"""Between the parameters of the classifier and an Engine."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from textshot.encoders import DEFAULT_ENCODER, Encoder, PrecomputedEncoder
from textshot.encoders.base import ADAPTER_KEY
from textshot.engine import Engine
from textshot.engine.encoder_identity import NO_NETWORK
from textshot.errors import InvalidTextsError
from textshot.estimators.inputs import by_class, name_of
from textshot.index import PLAIN
from textshot.networks import Memory, Network, make_network
from textshot.types import Category

PRECOMPUTED = "precomputed"


def extend(engine: Engine, texts: list[str], y: NDArray[Any], classes: NDArray[Any]) -> None:
    """Add texts to an engine: new classes first, then new texts of known ones."""
    blank = [i for i, text in enumerate(texts) if not text.strip()]
    if blank:
        raise InvalidTextsError(f"text {blank[0]} is empty. Leave it out")
    remembers, known = isinstance(engine.network, Memory), set(engine.info.labels)
    members = by_class(texts, y)
    new = {c: members.get(c, []) for c in classes if name_of(c) not in known}
    if remembers:  # all texts become corrections, but a new category needs a key
        new = {c: [] if engine.info.use_names else some[:1] for c, some in new.items()}
    standing = {c: some for c, some in new.items() if some or engine.info.use_names}
    if standing:
        engine.add([Category(str(c), examples=[*some]) for c, some in standing.items()])
    rest = [i for i, c in enumerate(y) if remembers or c not in new]
    learn = engine.correct_all if remembers else engine.add_examples
    learn([texts[i] for i in rest], [str(y[i]) for i in rest])


def check_dim(encoder: Encoder, engine: Engine) -> None:
    """Raise InvalidTextsError unless embeddings fit the engine."""
    if encoder.dim != engine.info.dim:
        raise InvalidTextsError(
            f"X has {encoder.dim} features, but the classifier was fitted with {engine.info.dim}"
        )


def network_parameter(engine: Engine) -> Network | str | None:
    """Return what brings the network of an engine back as a parameter: None for the plain one."""
    network, spec = engine.network, engine.encoder.spec
    if network.parameters or network.settings != make_network(network.name).settings:
        return network
    if network.name != PLAIN.name:
        return network.name
    # The default encoder would come with its adapter, and an index made without it stays without.
    bare = spec["name"] == DEFAULT_ENCODER and spec.get(ADAPTER_KEY) is None
    return NO_NETWORK if bare else None


def key_attention_parameter(engine: Engine) -> Literal["auto", "off"]:
    """Return the parameter `key_attention` that gives this engine."""
    has_attention = engine.info.attention_share is not None
    return "auto" if has_attention or not engine.network.nearest_prototype else "off"


def no_encoder(dim: int) -> PrecomputedEncoder:
    """Return an encoder for an index of embeddings from outside; it encodes no text."""
    return PrecomputedEncoder([""], np.eye(1, dim), name=PRECOMPUTED)

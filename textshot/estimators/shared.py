"""Encoders that estimators of one process share, with the vectors of texts that they saw."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

from textshot._fork import ForkLock
from textshot.encoders import CachedEncoder, Encoder
from textshot.engine.encoder_identity import NO_NETWORK, choose_encoder
from textshot.networks import Network

MAX_ENCODERS = 2
"""Encoders that stay loaded; of more, the one used longest ago goes."""

MAX_TEXTS = 50_000
"""Vectors that are kept of each: 77 MB of 384 numbers each."""

_shared: OrderedDict[Hashable, CachedEncoder] = OrderedDict()
_lock = ForkLock()


def shared_encoder(encoder: Encoder | str | None, network: Network | str | None = None) -> Encoder:
    """Return what encodes texts for an estimator: the same one for all that name the same encoder.

    So a text is encoded once, however often a grid search or a cross-validation fits and predicts.
    An encoder that has a cache, or a table, is returned as it is.

    Args:
        encoder: an encoder, the name of one, or None for the default.
        network: as for `Engine.build`; "none" leaves out the adapter.
    """
    if isinstance(encoder, Encoder) and encoder.is_cached:
        return encoder
    is_plain = isinstance(network, str) and network == NO_NETWORK
    key = encoder if isinstance(encoder, Encoder) else _source(encoder, is_plain=is_plain)
    with _lock:
        shared = _shared.get(key)
        if shared is None:
            shared = CachedEncoder(choose_encoder(network, encoder), max_texts=MAX_TEXTS)
            _shared[key] = shared
        _shared.move_to_end(key)
        while len(_shared) > MAX_ENCODERS:
            _shared.popitem(last=False)
        return shared


def _source(name: str | None, *, is_plain: bool) -> Hashable:
    """Return what an encoder is loaded from: files that change make another one."""
    settings = sorted(item for item in os.environ.items() if item[0].startswith("TEXTSHOT_"))
    folder = Path(name or "").expanduser()
    files = sorted(folder.rglob("*")) if name and folder.is_dir() else []
    stats = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    return name, is_plain, tuple(settings), tuple(stats)

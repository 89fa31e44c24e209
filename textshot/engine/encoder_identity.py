"""Is this the encoder that the index was made with?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from textshot._arrays import FloatArray
from textshot._fork import ForkLock
from textshot.encoders import Encoder, TruncationStats, load_encoder
from textshot.encoders.base import ADAPTER_KEY, OWN_PREFIX, check_encoder
from textshot.encoders.long_texts import CUT
from textshot.errors import (
    EncoderError,
    EncoderMismatchError,
    EncoderNotFoundError,
    InvalidTextsError,
)
from textshot.index import PLAIN, EncoderIdentity
from textshot.networks import Network, load_network, make_network

PROBE = "One probe: naïve café, 3 € at 14 °C, 日本, and the invoice of 2 May was paid twice?"
PROBE_TOLERANCE = 1e-4
"""How far the probe's cosine with its stored vector may be from 1. See docs/adr/0006."""
NO_NETWORK = "none"
"""The network name that leaves out all that was trained, for `Engine.build`."""

INT8_TOLERANCE = 2e-3
"""In 8 bits, where the last bit of another machine can round a value to the next step."""


def probe(encoder: Encoder) -> FloatArray | None:
    """Return the vector of a fixed sentence, (dim,); None of an encoder that has no such text."""
    if encoder.is_precomputed:
        return None
    # Not a cached vector: it would tell what the encoder was like then.
    vector: FloatArray = encoder.uncached.encode([PROBE])[0]
    return vector


def load_again(
    name: str | None,
    identity: EncoderIdentity,
    device: str | None,
    backend: str = "auto",
    precision: str = "auto",
) -> Encoder:
    """Load the encoder that an index names, or the one of another name with the same options."""
    spec = identity.spec
    own = str(spec.get("name")).removeprefix(OWN_PREFIX)
    if identity.fingerprint.startswith("own-"):
        raise EncoderMismatchError(
            f"the index was made with your own embeddings {own!r}: give that encoder"
            " (Engine.load(path, encoder=...)); it cannot be loaded by name"
        )
    revision, prompt, most = spec.get("revision"), spec.get("prompt"), spec.get("max_length")
    adapter = spec.get(ADAPTER_KEY)  # not there: an index of before there were any, or of none
    long_texts = str(spec.get("long_texts", CUT))
    try:
        return load_encoder(
            name or str(spec.get("name")),
            # Another place has no revisions of ours; the fingerprint is checked either way.
            revision=None if name or revision is None else str(revision),
            prompt=str(prompt or ""),
            max_length=None if most is None else int(most),
            long_texts=long_texts,
            adapter=None if adapter is None else str(adapter),
            device=device,
            backend=backend,
            precision=str(spec.get("precision", precision)) if precision == "auto" else precision,
        )
    except EncoderNotFoundError as error:
        raise EncoderNotFoundError(
            f"the index was made with the encoder {spec.get('name')!r}. {error} If it has moved,"
            " say where it is: --encoder FOLDER"
        ) from None
    except EncoderError as error:
        if name is None:
            raise
        raise EncoderMismatchError(
            f"the index was made with the encoder {spec.get('name')!r} (prompt {prompt!r},"
            f" max_length {most}), and {name!r} cannot take its place: {error}"
        ) from None


def identify(encoder: Encoder) -> EncoderIdentity:
    """Return what an index keeps of its encoder."""
    return EncoderIdentity(encoder.fingerprint, encoder.spec, probe(encoder))


class LazyEncoder(Encoder):
    """The encoder that an index names; loaded, and checked, when it is first asked to encode.

    So categories can be removed without their model, and without waiting for it.
    """

    def __init__(self, identity: EncoderIdentity, dim: int, load: Callable[[], Encoder]) -> None:
        """Take an identity for granted until `load` has brought the encoder."""
        super().__init__(
            str(identity.spec.get("name")),
            dim=dim,
            fingerprint=identity.fingerprint,
            source="not loaded yet",
            spec=identity.spec,
        )
        self._load = load

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return float32 unit rows (n, dim), as the encoder does."""
        rows: FloatArray = self._loaded.encode(texts, batch_size=batch_size)
        return rows

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Count as the encoder does."""
        return self._loaded.truncation_stats(texts)

    def unreadable(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which texts say nothing to the encoder."""
        return self._loaded.unreadable(texts)

    @cached_property
    def _loaded(self) -> Encoder:
        return self._load()


def check_identity(encoder: Encoder, identity: EncoderIdentity, where: str) -> None:
    """Raise EncoderMismatchError unless `encoder` makes vectors that compare with the index's."""
    if encoder.fingerprint != identity.fingerprint:
        raise EncoderMismatchError(
            f"{where} was made with encoder {identity.spec.get('name')!r} (fingerprint"
            f" {identity.fingerprint}), and {encoder.source} has fingerprint"
            f" {encoder.fingerprint}: their vectors cannot be compared. Load the right encoder"
            f" (load_encoder with {dict(identity.spec)}), or build the index again with this one"
        )
    now = probe(encoder)
    if identity.probe is None or now is None:
        return
    near = INT8_TOLERANCE if identity.spec.get("precision") == "int8" else PROBE_TOLERANCE
    if now.shape != identity.probe.shape or not float(now @ identity.probe) >= 1 - near:
        raise EncoderMismatchError(
            f"{where}: the encoder {encoder.source} has the right fingerprint but embeds the"
            " probe text differently. Check the versions of its libraries, or build the index"
            " again"
        )


def encoder_of_index(
    identity: EncoderIdentity,
    where: str,
    encoder: Encoder | str | None,
    device: str | None,
    backend: str,
    precision: str,
) -> Encoder:
    """Return the encoder that the index at `where` was made with, checked."""
    if encoder is None or isinstance(encoder, str):
        encoder = load_again(encoder, identity, device, backend, precision)
    check_identity(check_encoder(encoder), identity, where)
    return encoder


def choose_encoder(network: Network | str | None, encoder: Encoder | str | None) -> Encoder:
    """Return the encoder to build with; without its adapter where no network is wanted."""
    plain = network == NO_NETWORK
    if encoder is None or isinstance(encoder, str):
        return load_encoder(encoder, adapter=None) if plain else load_encoder(encoder)
    check_encoder(encoder)
    if plain and encoder.spec.get(ADAPTER_KEY) is not None:
        raise InvalidTextsError(
            f"network {NO_NETWORK!r} with an encoder that has the adapter"
            f" {encoder.spec[ADAPTER_KEY]!r}: load the encoder with adapter=None"
        )
    return encoder


def choose_network(network: Network | str | None, encoder: Encoder) -> Network:
    """Return the network to build with; a name is the one trained with the encoder, if it is it."""
    if isinstance(network, Network):
        return network
    folder = encoder.folder
    trained = None if network == NO_NETWORK or folder is None else load_network(folder)
    if network is None or network == NO_NETWORK:
        return trained or PLAIN
    return trained if trained is not None and trained.name == network else make_network(network)


class Encoders:
    """Encoders that indexes share: one that several of them use is loaded once, and goes with them.

    Args:
        name: of an encoder in the place of those that the indexes name; it has to be the same one.
        device, backend, precision: as for `load_encoder`.
    """

    def __init__(
        self,
        name: str | None = None,
        device: str | None = None,
        backend: str = "auto",
        precision: str = "auto",
    ) -> None:
        self._arguments = (device, backend, precision)
        self._name = name
        self._known: WeakValueDictionary[str, Encoder] = WeakValueDictionary()
        self._lock = ForkLock()

    def of(self, identity: EncoderIdentity, where: str) -> Encoder:
        """Return the encoder that an index was made with, checked on its probe text."""
        with self._lock:
            key = f"{identity.fingerprint} {identity.spec.get('precision')}"
            encoder = self._known.get(key)
            if encoder is None:
                encoder = load_again(self._name, identity, *self._arguments)
            check_identity(encoder, identity, where)
            self._known[key] = encoder
            return encoder

"""`nlp.add_pipe("textshot", config={"index": "my-index"})`: a component for spaCy pipelines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch, raise_error

from textshot.encoders import Encoder
from textshot.engine import Engine
from textshot.engine.encoder_identity import Encoders, LazyEncoder
from textshot.engine.predict import answer, records, score
from textshot.errors import IndexFormatError, IndexNotFoundError, InvalidTextsError
from textshot.index import EncoderIdentity, Index
from textshot.integrations.spacy_index import packed, unpacked
from textshot.integrations.spacy_predictions import Stored, keep, stored
from textshot.types import Threshold

Scope = Literal["doc", "sentences"]
_ENCODERS = Encoders()  # components of one process share them


@dataclass(frozen=True, slots=True)
class Settings:
    """What a component is configured with, see `make`."""

    index: str | None
    encoder: str | None
    scope: Scope
    threshold: Threshold
    k: int
    cats: bool

    def __post_init__(self) -> None:
        if self.scope not in ("doc", "sentences"):
            raise InvalidTextsError(f"scope is {self.scope!r}; 'doc' or 'sentences' is needed")
        if self.k < 1:
            raise InvalidTextsError(f"k is {self.k}; at least 1 is needed")


@Language.factory(
    "textshot",
    assigns=["doc.cats", "doc._.textshot", "span._.textshot"],
    default_config={
        "index": None,
        "encoder": None,
        "scope": "doc",
        "threshold": "auto",
        "k": 3,
        "cats": True,
    },
)
def make(
    nlp: Language,
    name: str,
    index: str | None,
    encoder: str | None,
    scope: Scope,
    threshold: float | str | None,
    k: int,
    cats: bool,
) -> Textshot:
    """Return the component that spaCy adds to a pipeline.

    Args:
        nlp: the pipeline.
        name: of the component there; documents carry its Prediction as `doc._.<name>`.
        index: the folder of an index; None where one is loaded by `from_disk` or `from_bytes`.
        encoder: the name or folder of the encoder, where the index's own has moved.
        scope: "doc" classifies whole documents; "sentences" each sentence (`sent._.<name>`).
        threshold: see `textshot.types.Threshold`.
        k: how many matches each Prediction carries.
        cats: fill `doc.cats` with the score of every category: of the document, or of the sentence
            that it is highest for.
    """
    return Textshot(name, Settings(index, encoder, scope, threshold, k, cats))  # type: ignore[arg-type]


class Textshot:
    """A component that sorts documents, or their sentences, into the categories of an index.

    The index is read at the first document, or by `from_disk`; the encoder at the first document,
    and once for all components that use the same. `spacy.load` makes a component before it reads
    its folder, so a missing index is an error of the first document and not of this constructor.
    """

    _used_by: ClassVar[int | None] = None  # the process that encoded something

    def __init__(self, name: str, settings: Settings) -> None:
        """Take settings; `make` is what spaCy calls."""
        self.name, self.settings = name, settings
        self._engine: Engine | None = None
        self._on_error: Callable[..., Any] = raise_error
        Stored.offer(name)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the categories, sorted; none where there is no index yet."""
        try:
            return tuple(self.engine.index.labels)
        except (IndexNotFoundError, IndexFormatError):  # spaCy asks before it reads a folder
            return ()

    @property
    def engine(self) -> Engine:
        """What answers; to add a category or an example is to change it."""
        if self._engine is None:
            if self.settings.index is None:
                raise IndexNotFoundError(
                    f"the component {self.name!r} has no index. Name its folder:"
                    f' nlp.add_pipe("textshot", config={{"index": "my-index"}})'
                )
            self._engine = self._loaded(Path(self.settings.index))
        return self._engine

    def __call__(self, doc: Doc) -> Doc:
        """Classify one document, or its sentences."""
        self._annotate([doc])
        return doc

    def pipe(self, docs: Iterable[Doc], *, batch_size: int = 1000) -> Iterator[Doc]:
        """Classify documents as they come, those of a batch together.

        Those of a batch that an error handler was called for are left out, as elsewhere in spaCy.
        """
        for batch in minibatch(docs, batch_size):  # type: ignore[no-untyped-call]
            try:
                self._annotate(batch)
            except Exception as error:
                self._on_error(self.name, self, batch, error)
            else:
                yield from batch

    def set_error_handler(self, error_handler: Callable[..., Any]) -> None:
        """Take what is called with (name, component, docs, error) in the place of a raise."""
        self._on_error = error_handler

    def get_error_handler(self) -> Callable[..., Any]:
        """Return what is called when a batch cannot be classified."""
        return self._on_error

    def _annotate(self, docs: Sequence[Doc]) -> None:
        """Write what is answered for these documents into them."""
        engine = self._ready()
        state, settings = engine.index.state, self.settings
        places: dict[str, int] = {}
        # spaCy joins the tokens each time that a text is asked for: once is enough.
        found = [
            (doc, part, places.setdefault(part.text, len(places)))
            for doc in docs
            for part in self._parts(doc)
        ]
        vectors = engine.encoder.encode(list(places))
        blank = np.array([not text.strip() for text in places], dtype=bool)
        answers = answer(state, vectors, settings.k, settings.threshold, blank)
        # A prediction is stored as it comes: thousands of them together are work for the garbage
        # collector, which goes through the whole process.
        plain = [stored(one) for one in records(state, vectors, answers)]
        for _, part, row in found:
            keep(part, self.name, plain[row])
        if settings.cats and state.labels:
            scores = score(state, vectors)
            for doc, some in groupby(found, itemgetter(0)):
                best = scores[[row for _, _, row in some]].max(axis=0).tolist()
                doc.cats.update(zip(state.labels, best, strict=True))

    def _parts(self, doc: Doc) -> list[Doc | Span]:
        if self.settings.scope == "doc":
            return [doc]
        if len(doc) and not doc.has_annotation("SENT_START"):
            raise InvalidTextsError(
                f"the component {self.name!r} classifies sentences, and nothing has set their"
                ' bounds. Add what does before it: nlp.add_pipe("sentencizer", before='
                f"{self.name!r})"
            )
        return list(doc.sents)

    def _ready(self) -> Engine:
        if self._used_by not in (None, os.getpid()):
            # Threads of the search and of an encoder do not live on in a fork; it would hang.
            raise InvalidTextsError(
                f"the component {self.name!r} cannot work in a process that was forked after a"
                " component had classified something. Use n_process=1: the encoder uses all cores"
                " as it is"
            )
        Textshot._used_by = os.getpid()
        return self.engine

    def _loaded(self, path: Path) -> Engine:
        try:
            index = Index.load(path)
        except IndexNotFoundError as error:
            raise IndexNotFoundError(f"the component {self.name!r}: {error}") from None
        return self._of(index, str(path))

    def _of(self, index: Index, where: str) -> Engine:
        identity = index.state.encoder
        if identity is None:
            raise IndexFormatError(f"{where}: the index does not say which encoder made it")
        load = partial(self._encoder, identity, where)
        return Engine(LazyEncoder(identity, index.dim, load), index)

    def _encoder(self, identity: EncoderIdentity, where: str) -> Encoder:
        encoders = _ENCODERS if self.settings.encoder is None else Encoders(self.settings.encoder)
        return encoders.of(identity, where)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the index into a folder; its settings are part of the pipeline's own."""
        self.engine.save(path, overwrite=True)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Read the index of a folder; the encoder comes with the first document."""
        self._engine = self._loaded(Path(path))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the files of the index."""
        return packed(self.engine.index)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Read the index that `to_bytes` packed; data alone, nothing is unpickled."""
        self._engine = self._of(unpacked(bytes_data), f"the component {self.name!r}")
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Travel to another process: settings, and the index if it was read."""
        index = None if self._engine is None else packed(self._engine.index)
        return {"name": self.name, "settings": self.settings, "index": index}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["name"], state["settings"])  # type: ignore[misc]
        if state["index"] is not None:
            self.from_bytes(state["index"])

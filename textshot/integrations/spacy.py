"""A spaCy component: `nlp.add_pipe("textshot", config={"index": "my-index"})`."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self
from weakref import WeakSet

import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch, raise_error
from spacy.vocab import Vocab

from textshot.encoders import Encoder
from textshot.engine import Engine
from textshot.engine.encoder_identity import Encoders, LazyEncoder
from textshot.errors import IndexFormatError, IndexNotFoundError, InvalidTextsError
from textshot.index import EncoderIdentity
from textshot.integrations.spacy_predictions import PredictionExtension, store, to_tuple
from textshot.types import Threshold

Scope = Literal["doc", "sentences"]

_CHUNK = 64  # predictions alive at a time: more start the garbage collector, see docs/adr/0023
_ENCODERS = Encoders()  # shared by the components of one process


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of a component, see `make`."""

    index: str | None = None
    encoder: str | None = None
    scope: Scope = "doc"
    threshold: Threshold = "auto"
    k: int = 3
    cats: bool = True

    def __post_init__(self) -> None:
        if self.scope not in ("doc", "sentences"):
            raise InvalidTextsError(f"scope is {self.scope!r}; 'doc' or 'sentences' is needed")
        if self.k < 1:
            raise InvalidTextsError(f"k is {self.k}; at least 1 is needed")


@Language.factory(
    "textshot",
    assigns=["doc.cats", "doc._.textshot", "span._.textshot"],
    default_config=asdict(Settings()),
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
        nlp: The pipeline.
        name: The component's name there; documents carry its Prediction as `doc._.<name>`.
        index: The folder of an index; None if `from_disk` or `from_bytes` loads one.
        encoder: The name or folder of the encoder, if that of the index has moved.
        scope: "doc" classifies documents; "sentences" each sentence (`sent._.<name>`).
        threshold: See `textshot.types.Threshold`.
        k: The number of matches of each Prediction.
        cats: Whether to fill `doc.cats` with the score of every category: of the document, or of
            the sentence with the highest score.
    """
    made = Textshot(name, Settings(index, encoder, scope, threshold, k, cats))  # type: ignore[arg-type]
    made.pipelines.add(nlp)
    return made


class Textshot:
    """A component that classifies documents, or their sentences, by an index.

    The index is read at the first document, or by `from_disk`; the encoder at the first document,
    once for all components that use the same. `spacy.load` makes a component before it reads its
    folder, so a missing index is an error at the first document and not of this constructor.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        """Take settings; `make` is what spaCy calls."""
        self.settings = settings
        self.pipelines: WeakSet[Language] = WeakSet()
        self._name = name
        self._engine: Engine | None = None
        self._on_error: Callable[..., Any] = raise_error
        PredictionExtension.register(name)

    @property
    def name(self) -> str:
        """The name of the component; of one that several pipelines share, that of the last one."""
        return self._names()[-1]

    @name.setter
    def name(self, name: str) -> None:
        # spaCy tells a component its name when another pipeline takes it over, and not which
        # pipeline; `rename_pipe` tells it nothing. So it looks itself up in them.
        self._name = name
        for value in gc.get_objects():
            if issubclass(type(value), Language):
                self.pipelines.add(value)
        PredictionExtension.register(name)

    def _names(self, vocab: Vocab | None = None) -> list[str]:
        """Return its names, in the pipelines that share a vocabulary or in all of them."""
        names = [
            name
            for nlp in self.pipelines
            if vocab is None or nlp.vocab is vocab
            for name, component in nlp.components
            if component is self
        ]
        return sorted(set(names), key=lambda name: name == self._name) or [self._name]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the categories, sorted; none while there is no index."""
        try:
            return tuple(self.engine.index.labels)
        except (IndexNotFoundError, IndexFormatError):  # spaCy asks before it reads a folder
            return ()

    @property
    def engine(self) -> Engine:
        """The engine of the component; change it to add a category or an example."""
        if self._engine is None:
            if self.settings.index is None:
                raise IndexNotFoundError(
                    f"the component {self.name!r} has no index. Name its folder:"
                    f' nlp.add_pipe("textshot", config={{"index": "my-index"}})'
                )
            self._engine = self._load(Path(self.settings.index))
        return self._engine

    def __call__(self, doc: Doc) -> Doc:
        """Classify one document, or its sentences."""
        self._annotate([doc])
        return doc

    def pipe(self, docs: Iterable[Doc], *, batch_size: int = 1000) -> Iterator[Doc]:
        """Classify a stream of documents, batch by batch.

        As elsewhere in spaCy, a batch for which the error handler is called is dropped.
        """
        for batch in minibatch(docs, batch_size):  # type: ignore[no-untyped-call]
            try:
                self._annotate(batch)
            except Exception as error:
                self._on_error(self.name, self, batch, error)
            else:
                yield from batch

    def set_error_handler(self, error_handler: Callable[..., Any]) -> None:
        """Set what is called with (name, component, docs, error) instead of raising."""
        self._on_error = error_handler

    def get_error_handler(self) -> Callable[..., Any]:
        """Return what is called when a batch cannot be classified."""
        return self._on_error

    def _annotate(self, docs: Sequence[Doc]) -> None:
        """Store predictions and scores in documents."""
        engine, settings = self.engine.snapshot(), self.settings
        rows: dict[str, int] = {}
        # spaCy joins the tokens each time a text is read: once is enough.
        parts = [
            (doc, part, rows.setdefault(part.text, len(rows)))
            for doc in docs
            for part in self._parts(doc)
        ]
        vectors = engine.encoder.encode(list(rows))
        blank = engine.unreadable(list(rows))
        predictions: list[tuple[Any, ...]] = []
        for i in range(0, len(rows), _CHUNK):
            chunk = slice(i, i + _CHUNK)
            options: dict[str, Any] = {"threshold": settings.threshold, "blank": blank[chunk]}
            classified = engine.classify_vectors(vectors[chunk], settings.k, **options)
            predictions += map(to_tuple, classified)
        for name in self._names(docs[0].vocab):
            PredictionExtension.register(name)
            for _, part, row in parts:
                store(part, name, predictions[row])
        if settings.cats and engine.index.labels:
            scores = engine.score_vectors(vectors)
            for doc, group in groupby(parts, itemgetter(0)):
                best = scores[[row for _, _, row in group]].max(axis=0).tolist()
                doc.cats.update(zip(engine.index.labels, best, strict=True))

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

    def _load(self, path: Path, source: str | None = None) -> Engine:
        """Load the index of a folder; its encoder is loaded when it is needed, and shared."""
        try:
            engine = Engine.load(path, lazy=True)
        except IndexNotFoundError as error:
            raise IndexNotFoundError(f"the component {self.name!r}: {error}") from None
        identity = engine.info.encoder
        if identity is not None:
            load = partial(self._shared_encoder, identity, source or str(path))
            engine.encoder = LazyEncoder(identity, engine.info.dim, load)
        return engine

    def _shared_encoder(self, identity: EncoderIdentity, source: str) -> Encoder:
        encoders = _ENCODERS if self.settings.encoder is None else Encoders(self.settings.encoder)
        return encoders.of(identity, source)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the index to a folder; spaCy writes the settings."""
        self.engine.save(path, overwrite=True)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Read the index of a folder."""
        self._engine = self._load(Path(path))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the files of the index."""
        with TemporaryDirectory() as folder:
            self.engine.save(Path(folder) / "index", overwrite=True)
            files = sorted(f for f in (Path(folder) / "index").iterdir() if f.is_file())
            data: bytes = srsly.msgpack_dumps({file.name: file.read_bytes() for file in files})
        return data

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Read an index that `to_bytes` returned; data alone, nothing is unpickled.

        Raises:
            IndexFormatError: These are other bytes, or they are damaged.
        """
        with TemporaryDirectory() as folder:
            for name, content in _files(bytes_data).items():
                (Path(folder) / name).write_bytes(content)
            self._engine = self._load(Path(folder), f"the component {self.name!r}")
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the settings, and the index if it is loaded."""
        index = None if self._engine is None else self.to_bytes()
        return {"name": self.name, "settings": self.settings, "index": index}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["name"], state["settings"])  # type: ignore[misc]
        if state["index"] is not None:
            self.from_bytes(state["index"])


def _files(data: bytes) -> dict[str, bytes]:
    """Return files by name; names with a folder are refused."""
    try:
        files = srsly.msgpack_loads(data)
    except ValueError as error:
        raise IndexFormatError(f"these bytes are not a packed index: {error}") from None
    if not isinstance(files, dict) or not files:
        raise IndexFormatError("these bytes are not a packed index")
    for name, content in files.items():
        is_plain = isinstance(name, str) and Path(name).name == name
        if not is_plain or not isinstance(content, bytes):
            raise IndexFormatError(f"a packed index cannot have a file {name!r}")
    return files

"""Engine: encoder + network + index + decision. Nothing else computes a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from textshot.encoders import Encoder
from textshot.engine.decision import requested_settings, settings_at_rate
from textshot.engine.editor import Editor
from textshot.engine.encoder_identity import (
    LazyEncoder,
    choose_encoder,
    choose_network,
    encoder_of_index,
)
from textshot.errors import EncoderMismatchError, InvalidTextsError
from textshot.index import Index, State
from textshot.networks import Network
from textshot.types import DEFAULT_REJECTION_RATE, Category, Threshold, category_dict


class Engine(Editor):
    """Classifies texts into categories that it learns: built, saved, loaded and shared here.

    `Predictor` has what reads, `Editor` what edits.
    """

    @classmethod
    def build(
        cls,
        categories: Iterable[Category] | Mapping[str, Sequence[str]],
        *,
        encoder: Encoder | str | None = None,
        network: Network | str | None = None,
        use_names: bool = True,
        key_attention: Literal["auto", "off"] = "auto",
        threshold: Threshold = "auto",
        unknown_rate: float = DEFAULT_REJECTION_RATE,
        private: bool = False,
        allow_similar: bool = False,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> Engine:
        """Make an engine from categories.

        Args:
            categories: each with no example, one or several; or the texts of each by its name.
            encoder: an encoder, the name of one, or None for the default.
            network: a network, the name of one, "none" for no trained part at all, or None for the
                one trained with the encoder (the mean of a category's keys where there is none).
            use_names: use names as keys, weighted by `textshot.scoring.name_weight`.
            key_attention: "off": a category is one vector. "auto": with many examples, score each
                of them too where that is better (`textshot.scoring.attention`).
            threshold: see `Threshold`.
            unknown_rate: the share of out-of-scope texts that an "auto" threshold rejects.
            private: leave texts out of what `save` writes.
            allow_similar: allow names that differ only in case, blanks or form.
            on_progress: called with the number of keys encoded since the last call.

        Raises:
            InvalidCategoriesError: a name twice, or a category without any key.
            EncoderNotFoundError: no such encoder can be reached from here.
            InvalidTextsError: no such network, or one that was learned for other dimensions.
        """
        if key_attention not in ("auto", "off"):
            raise InvalidTextsError(
                f"key_attention is {key_attention!r}; 'auto' or 'off' is needed"
            )
        if isinstance(categories, Mapping):
            categories = [Category(name, examples=texts) for name, texts in categories.items()]
        unique = list(category_dict(categories).values())
        encoder = choose_encoder(network, encoder)
        options = {"weigh_names": True, "key_attention": key_attention == "auto"}
        chosen = choose_network(network, encoder)
        state = State.empty(encoder.dim, use_names=use_names, network=chosen, **options)
        requested = requested_settings(threshold) or settings_at_rate(unknown_rate)
        engine = cls(encoder, Index(state.updated(decision=requested, private=private)))
        engine.add(unique, allow_similar=allow_similar, on_progress=on_progress)
        return engine

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        encoder: Encoder | str | None = None,
        device: str | None = None,
        backend: str = "auto",
        precision: str = "auto",
        lazy: bool = False,
    ) -> Engine:
        """Load an index and the encoder that it was made with.

        Args:
            path: the folder.
            encoder: None loads what the index names; an encoder or a name must be the same one.
            device: where to encode, for an encoder that is loaded here; None: the best there is.
            backend: what runs it, see `load_encoder`.
            precision: of what runs it.
            lazy: load and check the encoder when something has to be encoded, not now.

        Raises:
            IndexNotFoundError, IndexFormatError: no index there, or damaged.
            EncoderMismatchError: another encoder than the one the index was made with.
        """
        index = Index.load(path)
        identity = index.state.encoder
        if identity is None:
            raise EncoderMismatchError(f"{path} does not say which encoder made it")
        # No closure: a lazy engine can be pickled.
        load = partial(encoder_of_index, identity, str(path), encoder, device, backend, precision)
        return cls(LazyEncoder(identity, index.dim, load) if lazy else load(), index)

    def save(
        self,
        path: str | Path,
        *,
        private: bool | None = None,
        overwrite: bool = False,
        purge: bool = False,
    ) -> int:
        """Write the index to a folder, atomically; see `Index.save`. The encoder is not copied."""
        return self.index.save(path, private=private, overwrite=overwrite, purge=purge)

    @classmethod
    def from_hub(
        cls,
        repo_id: str,
        *,
        revision: str | None = None,
        encoder: Encoder | str | None = None,
        lazy: bool = False,
        token: str | None = None,
        api: Any = None,
    ) -> Engine:
        """Load an index from the Hugging Face hub, as `load` does from a folder.

        An encoder that was pushed is loaded by its name: `load_encoder("you/name")`.

        Args:
            repo_id: "you/name".
            revision: a branch, tag or commit; None for the main one.
            encoder: as for `load`.
            lazy: as for `load`.
            token: of the hub; None takes that of `hf auth login`.
            api: a `huggingface_hub.HfApi` to use.

        Raises:
            HubError: the hub has no such repository, or cannot be reached.
            IndexNotFoundError: there is no index in it.
        """
        from textshot.engine.hub import fetch_index

        folder = fetch_index(repo_id, revision=revision, token=token, api=api)
        return cls.load(folder, encoder=encoder, lazy=lazy)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        texts: bool = True,
        public: bool = False,
        encoder: str | None = None,
        figures: Mapping[str, Any] | None = None,
        message: str = "Pushed by textshot",
        token: str | None = None,
        api: Any = None,
    ) -> str:
        """Push the index with a card to a repository of the Hugging Face hub; return its address.

        Args:
            repo_id: "you/name"; made when missing.
            texts: push descriptions and examples; False leaves them out, as `save(private=True)`.
            public: let everybody see a repository that is made now.
            encoder: where the encoder is on the hub, for an index made with one in a folder.
            figures: `evaluate(...).to_dict()`, for the card.
            message: of the commit.
            token: of the hub; None takes that of `hf auth login`.
            api: a `huggingface_hub.HfApi` to use.

        Raises:
            HubError: the hub refuses, or the index was made with an encoder that only you have.
        """
        from textshot.engine.hub import Upload, push_index

        upload = Upload(repo_id, public, message, token, api)
        return push_index(self.index.state, upload, texts=texts, encoder=encoder, figures=figures)

"""Indexes and trained encoders on the Hugging Face hub: pushed and fetched, safe formats only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from textshot.encoders import Encoder
from textshot.encoders.base import ADAPTER_KEY
from textshot.encoders.hub import no_telemetry, quiet_libraries, reason_of
from textshot.encoders.model_folder import read_modules
from textshot.engine import Engine
from textshot.errors import HubError, IndexNotFoundError
from textshot.evaluation import Evaluation
from textshot.index import Index
from textshot.integrations.hub_card import index_card

if TYPE_CHECKING:
    from huggingface_hub import HfApi

INDEX_FILES = ("*.json", "*.jsonl", "*.safetensors")
"""What an index consists of: nothing that is unpickled or run, here or there."""

ENCODER_FILES = (*INDEX_FILES, "*.txt", "*.model", "README.md")

_MANIFEST, _MODULES, _CARD = "index.json", "modules.json", "README.md"


def push_to_hub(
    what: Engine | str | Path,
    repo_id: str,
    *,
    texts: bool = True,
    public: bool = False,
    encoder: str | None = None,
    figures: Evaluation | Mapping[str, Any] | None = None,
    message: str = "Pushed by textshot",
    token: str | None = None,
    api: HfApi | None = None,
) -> str:
    """Push an index, or the folder of an encoder, to a repository of the hub; return its address.

    The repository is made where there is none. Of an index the present generation is pushed, with
    a card; nothing of older ones leaves the machine.

    Args:
        what: an engine, the folder of an index, or that of an encoder that textshot trained.
        repo_id: "you/name".
        texts: push descriptions and examples; False leaves them out, as `save(private=True)` does.
        public: let everybody see a repository that is made now; one that is there stays as it is.
        encoder: where the encoder is on the hub, for an index that was made with one in a folder.
        figures: what `evaluate` found, for the card.
        message: of the commit.
        token: of the hub; None takes that of `hf auth login`.
        api: another client of the hub.

    Raises:
        HubError: the hub refuses, or the index was made with an encoder that only you have.
        IndexNotFoundError: a folder that is neither.
        EncoderError: an encoder with weights that would have to be unpickled.
    """
    if not isinstance(what, Engine) and (Path(what) / _MODULES).is_file():
        read_modules(Path(what))  # refuses pickled weights
        return _upload(Path(what), repo_id, ENCODER_FILES, public, message, token, api)
    engine = what if isinstance(what, Engine) else Engine.load(what, lazy=True)
    pushed = _to_push(engine, encoder)
    shown = figures.to_dict() if isinstance(figures, Evaluation) else dict(figures or {})
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "index"
        pushed.save(folder, private=True if not texts else None)
        kept = Engine(engine.encoder, Index.load(folder))  # as it will be there
        card = index_card(kept, repo_id, shown)
        (folder / _CARD).write_text(card, encoding="utf-8")
        return _upload(folder, repo_id, (*INDEX_FILES, _CARD), public, message, token, api)


def from_hub(
    repo_id: str,
    *,
    revision: str | None = None,
    encoder: Encoder | str | None = None,
    lazy: bool = False,
    token: str | None = None,
    api: HfApi | None = None,
) -> Engine:
    """Load an index from the hub, as `Engine.load` does from a folder.

    An encoder that was pushed is loaded by its name: `load_encoder("you/name")`.

    Args:
        repo_id: "you/name".
        revision: a branch, tag or commit; None for the main one.
        encoder: as for `Engine.load`.
        lazy: as for `Engine.load`.
        token: of the hub; None takes that of `hf auth login`.
        api: another client of the hub.

    Raises:
        HubError: the hub has no such repository, or cannot be reached.
        IndexNotFoundError: there is no index in it.
    """
    folder = fetched(repo_id, revision=revision, token=token, api=api)
    return Engine.load(folder, encoder=encoder, lazy=lazy)


def fetched(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    api: HfApi | None = None,
) -> Path:
    """Return the folder of an index of the hub, in its cache; arguments as for `from_hub`."""
    try:
        with quiet_libraries():
            found = (api or _api()).snapshot_download(
                repo_id, revision=revision, token=token, allow_patterns=[*INDEX_FILES]
            )
    except Exception as error:  # of two libraries, and of the network
        raise HubError(reason_of(error, repo_id, revision)) from None
    folder = Path(str(found))
    if not (folder / _MANIFEST).is_file():
        more = ""
        if (folder / _MODULES).is_file():
            more = f'. It is an encoder: load_encoder("{repo_id}"), or --encoder {repo_id}'
        raise IndexNotFoundError(f"there is no index of textshot in {repo_id} on the hub{more}")
    return folder


def _to_push(engine: Engine, encoder: str | None) -> Engine:
    """Return the engine under the name that its encoder has for others."""
    state = engine.index.state
    if state.encoder is None:
        raise HubError("the index does not say which encoder made it. Build it by Engine.build")
    name = str(state.encoder.spec.get("name"))
    adapter = str(state.encoder.spec.get(ADAPTER_KEY))
    own = next((place for place in (name, adapter) if Path(place).is_absolute()), None)
    if encoder is None and own is not None:
        raise HubError(
            f"the index was made with the encoder in {own}, which nobody else has. Push that"
            ' folder first, and say where it is: encoder="you/name", --encoder-repo you/name'
        )
    if encoder is None:
        return engine
    named = replace(state.encoder, spec={**state.encoder.spec, "name": encoder})
    return Engine(
        engine.encoder, Index(state.updated(encoder=named), generation=engine.index.generation)
    )


def _upload(
    folder: Path,
    repo_id: str,
    allowed: tuple[str, ...],
    public: bool,
    message: str,
    token: str | None,
    api: HfApi | None,
) -> str:
    client = api or _api()
    try:
        with quiet_libraries():
            address = client.create_repo(repo_id, private=not public, exist_ok=True, token=token)
            client.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                commit_message=message,
                allow_patterns=[*allowed],
                delete_patterns=[*INDEX_FILES],  # those of the generation before
                token=token,
            )
    except Exception as error:  # of two libraries, and of the network
        raise HubError(reason_of(error, repo_id, None)) from None
    return str(address)


def _api() -> HfApi:
    no_telemetry()
    from huggingface_hub import HfApi

    return HfApi(library_name="textshot")

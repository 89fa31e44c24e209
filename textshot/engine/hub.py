"""Indexes and trained encoders on the Hugging Face hub: pushed and fetched, safe formats only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from textshot.encoders.base import ADAPTER_KEY
from textshot.encoders.hub import no_telemetry, quiet_libraries, reason_of
from textshot.encoders.model_folder import read_modules
from textshot.engine.hub_card import index_card
from textshot.errors import HubError, IndexNotFoundError
from textshot.index import Index, State

if TYPE_CHECKING:
    from huggingface_hub import HfApi

INDEX_FILES = ("*.json", "*.jsonl", "*.safetensors")
"""What an index consists of: nothing that is unpickled or run, here or there."""

ENCODER_FILES = (*INDEX_FILES, "*.txt", "*.model", "README.md")

_MANIFEST, _MODULES, _CARD = "index.json", "modules.json", "README.md"


@dataclass(frozen=True, slots=True)
class Upload:
    """Where to push, and as whom.

    Attributes:
        repo_id: "you/name"; made when missing.
        public: let everybody see a repository that is made now; an existing one stays as it is.
        message: of the commit.
        token: of the hub; None takes that of `hf auth login`.
        api: another client of the hub.
    """

    repo_id: str
    public: bool = False
    message: str = "Pushed by textshot"
    token: str | None = None
    api: HfApi | None = None


def push_index(
    state: State,
    upload: Upload,
    *,
    texts: bool = True,
    encoder: str | None = None,
    figures: Mapping[str, Any] | None = None,
) -> str:
    """Push an index with a card, see `Engine.push_to_hub`; return its address."""
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "index"
        Index(_named(state, encoder)).save(folder, private=True if not texts else None)
        pushed = Index.load(folder).state  # as others will read it
        card = index_card(pushed, upload.repo_id, figures or {})
        (folder / _CARD).write_text(card, encoding="utf-8")
        return _upload(folder, (*INDEX_FILES, _CARD), upload)


def push_encoder(folder: str | Path, upload: Upload) -> str:
    """Push the folder of an encoder that textshot trained; return its address.

    Raises:
        HubError: the hub refuses.
        EncoderError: weights that would have to be unpickled.
    """
    read_modules(Path(folder))
    return _upload(Path(folder), ENCODER_FILES, upload)


def is_encoder(folder: str | Path) -> bool:
    """Tell whether a folder holds an encoder."""
    return (Path(folder) / _MODULES).is_file()


def fetch_index(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    api: HfApi | None = None,
) -> Path:
    """Return the folder of an index in the cache of the hub, see `Engine.from_hub`."""
    try:
        with quiet_libraries():
            downloaded = (api or _api()).snapshot_download(
                repo_id, revision=revision, token=token, allow_patterns=[*INDEX_FILES]
            )
    except Exception as error:  # of two libraries, and of the network
        raise HubError(reason_of(error, repo_id, revision)) from None
    folder = Path(str(downloaded))
    if not (folder / _MANIFEST).is_file():
        more = ""
        if (folder / _MODULES).is_file():
            more = f'. It is an encoder: load_encoder("{repo_id}"), or --encoder {repo_id}'
        raise IndexNotFoundError(f"there is no index of textshot in {repo_id} on the hub{more}")
    return folder


def _named(state: State, encoder: str | None) -> State:
    """Return the state with the name that its encoder has for others."""
    if state.encoder is None:
        raise HubError("the index does not say which encoder made it. Build it by Engine.build")
    if encoder is not None:
        spec = {**state.encoder.spec, "name": encoder}
        return state.updated(encoder=replace(state.encoder, spec=spec))
    paths = [str(state.encoder.spec.get(member)) for member in ("name", ADAPTER_KEY)]
    if local := next((path for path in paths if Path(path).is_absolute()), None):
        raise HubError(
            f"the index was made with the encoder in {local}, which nobody else has. Push that"
            ' folder first, and say where it is: encoder="you/name", --encoder-repo you/name'
        )
    return state


def _upload(folder: Path, allowed: tuple[str, ...], upload: Upload) -> str:
    client, repo_id, token = upload.api or _api(), upload.repo_id, upload.token
    try:
        with quiet_libraries():
            address = client.create_repo(
                repo_id, private=not upload.public, exist_ok=True, token=token
            )
            client.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                commit_message=upload.message,
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

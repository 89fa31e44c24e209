"""Indexes and trained encoders on the Hugging Face hub: pushed and fetched, safe formats only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from textshot._version import __version__
from textshot.encoders.base import ADAPTER_KEY
from textshot.encoders.hub import no_telemetry, quiet_libraries, reason_of
from textshot.encoders.model_folder import read_modules
from textshot.engine.decision import decision_of
from textshot.errors import HubError, IndexNotFoundError
from textshot.index import Index, State
from textshot.types import Category

if TYPE_CHECKING:
    from huggingface_hub import HfApi

INDEX_FILES = ("*.json", "*.jsonl", "*.safetensors")
"""What an index consists of: nothing that is unpickled or run, here or there."""

ENCODER_FILES = (*INDEX_FILES, "*.txt", "*.model", "README.md")

_MANIFEST, _MODULES, _CARD = "index.json", "modules.json", "README.md"

_MAX_EXAMPLES = 3  # of each category that are shown
_MAX_CHARACTERS = 160  # of each
_USAGE = """\
## How to use it

```python
from textshot import Engine

engine = Engine.from_hub("{repo_id}")
print(engine.classify(["a text"])[0].label)
```

```console
$ textshot hub pull {repo_id} -o my-index
$ textshot classify my-index "a text"
```
"""


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
    repo_id: str, *, revision: str | None = None, token: str | None = None, api: HfApi | None = None
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


def index_card(state: State, repo_id: str, figures: Mapping[str, Any]) -> str:
    """Return the card, Markdown under a header of YAML.

    Args:
        state: what was pushed: without texts, if they are left out.
        repo_id: where.
        figures: as `Evaluation.to_dict` gives them; empty where nothing was measured.
    """
    encoder = "" if state.encoder is None else str(state.encoder.spec.get("name"))
    base = [f"base_model: {json.dumps(encoder)}"] if "/" in encoder else []
    n_examples = sum(len(entry.category.examples) for entry in state.entries)
    lines = [
        *("---", "library_name: textshot", "pipeline_tag: text-classification"),
        *("tags: [textshot, few-shot, open-set]", *base, "---"),
        *(f"# {repo_id}", ""),
        f"An index of textshot {__version__}: {len(state.entries)} categories with"
        f" {n_examples} examples. A text goes to the nearest category, or to `unknown`.",
        *("", _USAGE.format(repo_id=repo_id), "## Categories", ""),
        *("| category | what it is about | examples |", "|---|---|---|"),
        *(_row(entry.category) for entry in state.entries),
        *("", "## Figures", "", *_figures(figures), "", "## How it was made", ""),
        *_origin(state, encoder),
        "",
    ]
    return "\n".join(lines)


def _origin(state: State, encoder: str) -> list[str]:
    fingerprint = "" if state.encoder is None else state.encoder.fingerprint
    threshold = decision_of(state).threshold
    return [
        f"- encoder: `{encoder}` (fingerprint {fingerprint})",
        f"- network: {state.network.name}",
        f"- threshold: {'none' if threshold is None else f'{threshold:.3f}'} (cosine)",
        *(["- example texts were left out; their vectors are there"] * state.private),
    ]


def _row(category: Category) -> str:
    texts = [example.text for example in category.examples if example.text is not None]
    cells = [
        _cell(category.name),
        _cell(category.description or ""),
        "<br>".join(_cell(text) for text in texts[:_MAX_EXAMPLES])
        or ("not shown" if category.examples else ""),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Return a text on one line, with its markup escaped."""
    cell = " ".join(text.split())
    cell = cell if len(cell) <= _MAX_CHARACTERS else f"{cell[: _MAX_CHARACTERS - 1]}…"
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        cell = cell.replace(character, entity)
    return "".join(f"\\{c}" if c in "\\`*_[]!~$" else c for c in cell)


def _figures(figures: Mapping[str, Any]) -> list[str]:
    if not figures:
        return ["Not measured. `textshot evaluate my-index labelled.csv` does, on texts of yours."]
    rows = [
        ("accuracy", "accuracy"),
        ("of those answered", "accuracy_answered"),
        ("coverage", "coverage"),
        ("macro F1", "macro_f1"),
        ("recall of unknown", "unknown_recall"),
        ("precision of unknown", "unknown_precision"),
    ]
    lines = [
        f"| {words} | {100 * figures[name]:.1f} % |"
        for words, name in rows
        if figures.get(name) is not None
    ]
    summary = (
        f"On {figures['n']:,} labelled texts, {figures['n_unknown']:,} of which fit no category"
    )
    return [f"{summary}.", "", "| | |", "|---|---|", *lines]

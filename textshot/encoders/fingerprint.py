"""What makes two models the same encoder, found from their files without loading them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from textshot.encoders.base import ADAPTER_KEY
from textshot.encoders.model_folder import WITH_WEIGHTS, Module, read_modules, read_settings
from textshot.encoders.windows import CUT, MOST_WINDOWS, OVERLAP, WINDOWS
from textshot.errors import EncoderError

# In the order in which sentence-transformers joins them when several are on.
_OLD_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_TOKENIZER_FILES = ("vocab.txt", "vocab.json", "merges.txt", "*.model")
_NO_LIMIT = 10**9  # transformers writes 1e30 for a tokenizer without a limit
_SHORTEST = 3  # two tokens mark beginning and end


def model_fingerprint(
    folder: Path,
    *,
    prompt: str = "",
    max_length: int | None = None,
    long_texts: str = CUT,
    adapter: tuple[str, str] | None = None,
) -> str:
    """Return the identity of a model folder with these settings.

    It depends on what the files say, not on where they are or how they are laid out: a copy and
    an older or newer style of configuration have the same. Neither torch nor transformers is
    imported; 90 MB of weights take about 0.1 s.

    Args:
        folder: a sentence-transformers folder.
        prompt: what is put in front of each text.
        max_length: tokens after which a text is cut; None keeps the model's.
        long_texts: what is done with longer ones, "windows" or "cut".
        adapter: the sha256 of an adapter, and of the weights that it was made for.

    Returns:
        "st-" and 32 hex digits.

    Raises:
        EncoderError: a folder that is refused, a max_length that the model does not allow, or a
            adapter for other weights.
    """
    modules = read_modules(folder)
    kinds = [module.kind for module in modules]
    if kinds[-1] == "Normalize":  # vectors are made unit at the end in any case
        kinds.pop()
    settings = _transformer_settings(modules[0])
    tokenizer = read_settings(modules[0].folder / "tokenizer_config.json")
    whole = read_settings(folder / "config_sentence_transformers.json")
    body: dict[str, object] = {
        "kind": "sentence-transformers",
        "weights": [file_sha256(path) for m in modules for path in _weights(m)],
        "tokenizer": _tokenizer(modules[0].folder),
        "modules": kinds,
        "pooling": [pooling_modes(folder, m) for m in modules if m.kind == "Pooling"],
        "normalize": True,
        "max_length": effective_max_length(modules[0], max_length),
        "lower_case": [bool(found.get("do_lower_case")) for found in (settings, tokenizer)],
        "truncate_dim": whole.get("truncate_dim"),
        "prompt": prompt,
    }
    if long_texts not in (WINDOWS, CUT):
        raise EncoderError(f"long_texts is {long_texts!r}; say {WINDOWS!r} or {CUT!r}")
    if long_texts == WINDOWS:
        body["long_texts"] = [WINDOWS, OVERLAP, MOST_WINDOWS]
    if adapter is not None:
        body[ADAPTER_KEY], base = adapter
        if body["weights"] != [base]:
            raise EncoderError(
                f"the adapter was made for weights with sha256 {base}, and {folder} has others."
                " Load it without the adapter"
            )
    return "st-" + _json_sha256(body)[:32]


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's content in hex; read once while the file does not change."""
    told = path.stat()
    return _sha256_of(path, told.st_size, told.st_mtime_ns, told.st_ino)


@lru_cache(maxsize=64)
def _sha256_of(path: Path, size: int, changed: int, inode: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pooling_modes(folder: Path, module: Module) -> list[str]:
    """Return how token vectors become one vector, in one form for old and new configurations."""
    if not (folder / "modules.json").is_file():
        config = read_settings(folder / "config.json")
        architectures = config.get("architectures") or [""]
        causal = isinstance(architectures, list) and str(architectures[0]).endswith("ForCausalLM")
        # what sentence-transformers does with a plain model
        return ["lasttoken"] if causal and config.get("is_causal", True) else ["mean"]
    config = read_settings(module.folder / "config.json")
    mode = config.get("pooling_mode")
    if isinstance(mode, str):
        return [mode]
    if isinstance(mode, list):
        return [str(one) for one in mode]
    return [name for key, name in _OLD_POOLING.items() if config.get(key)] or ["mean"]


def effective_max_length(first: Module, max_length: int | None = None) -> int | None:
    """Return after how many tokens a text is cut, None for never.

    Args:
        first: the first module of the model.
        max_length: what the user asked for; None for what the model says.

    Raises:
        EncoderError: a max_length that is too short, too long, or without effect.
    """
    if first.kind != "Transformer":
        if max_length is not None:
            raise EncoderError(f"{first.folder} has a fixed max_length. Leave max_length out")
        return _as_limit(
            read_settings(first.folder / "tokenizer.json").get("truncation"), "max_length"
        )
    positions = _as_limit(read_settings(first.folder / "config.json"), "max_position_embeddings")
    if max_length is not None:
        if max_length < _SHORTEST or (positions is not None and max_length > positions):
            raise EncoderError(
                f"max_length is {max_length}; this model takes {_SHORTEST} to {positions or 'any'}"
            )
        return max_length
    own = _as_limit(_transformer_settings(first), "max_seq_length")
    if own is not None:
        return own
    tokenizer = _as_limit(read_settings(first.folder / "tokenizer_config.json"), "model_max_length")
    return min((found for found in (positions, tokenizer) if found is not None), default=None)


def _transformer_settings(first: Module) -> dict[str, object]:
    """Return the settings that sentence-transformers keeps beside those of transformers."""
    named = sorted(first.folder.glob("sentence_*_config.json"))
    usual = first.folder / "sentence_bert_config.json"
    return dict(read_settings(usual if usual in named or not named else named[0]))


def _as_limit(settings: object, key: str) -> int | None:
    value = settings.get(key) if isinstance(settings, dict) else None
    return int(value) if isinstance(value, int | float) and 0 < value < _NO_LIMIT else None


def _weights(module: Module) -> Sequence[Path]:
    if module.kind not in WITH_WEIGHTS:
        return []
    return sorted(module.folder.glob("*.safetensors"), key=lambda path: path.name)


def _tokenizer(folder: Path) -> str:
    """Hash what decides the tokens; how they are cut and filled up is decided elsewhere."""
    single = folder / "tokenizer.json"
    if single.is_file():
        content = dict(read_settings(single))
        content.pop("truncation", None)
        content.pop("padding", None)
        return _json_sha256(content)
    found = sorted(path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern))
    if not found:
        raise EncoderError(f"{folder} has no tokenizer: tokenizer.json is not there")
    return _json_sha256([[path.name, file_sha256(path)] for path in found])


def _json_sha256(body: object) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

"""Fingerprint a model: equal for two models exactly when their vectors can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textshot.encoders.adapter import Adapter
from textshot.encoders.base import ADAPTER_KEY
from textshot.encoders.long_texts import CUT, MAX_WINDOWS, OVERLAP, WINDOWS
from textshot.encoders.model_folder import (
    WITH_WEIGHTS,
    Module,
    file_sha256,
    read_modules,
    read_settings,
)
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
_MIN_LENGTH = 3  # two special tokens and one of the text


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """A model folder, and how texts are encoded with it: all of an encoder but what runs it.

    Attributes:
        folder: a sentence-transformers folder with safetensors weights.
        name: what the user asked for.
        source: where the folder comes from, for people.
        revision: the revision of the hub model that was asked for.
        prompt: put in front of each text, such as "query: " for the E5 models. The prompts that
            a model brings along are not used: the user knows which one fits.
        max_length: tokens after which a text is cut; None keeps the model's.
        long_texts: "windows": longer texts are encoded in windows that overlap, and their vectors
            averaged; "cut": the rest of a longer text is ignored.
        adapter: changes the weights of the model.
    """

    folder: Path
    name: str
    source: str
    revision: str | None = None
    prompt: str = ""
    max_length: int | None = None
    long_texts: str = CUT
    adapter: Adapter | None = None

    def fingerprint(self) -> str:
        """Return the fingerprint, "st-" and 32 hex digits, without loading the model.

        It depends on what the files say, not on where they are or how they are laid out: a copy and
        an older or newer style of configuration have the same. 90 MB of weights take about 0.1 s.

        Raises:
            EncoderError: a folder that is refused, a max_length that the model does not allow, or
                an adapter for other weights.
        """
        check_long_texts(self.long_texts)
        modules = read_modules(self.folder)
        body = _model_settings(self.folder, modules)
        body["max_length"] = effective_max_length(modules[0], self.max_length)
        body["prompt"] = self.prompt
        if self.long_texts == WINDOWS:
            body["long_texts"] = [WINDOWS, OVERLAP, MAX_WINDOWS]
        if self.adapter is not None:
            body[ADAPTER_KEY] = self.adapter.sha256
            if body["weights"] != [self.adapter.base]:
                raise EncoderError(
                    f"the adapter was made for weights with sha256 {self.adapter.base}, and"
                    f" {self.folder} has others. Load it without the adapter"
                )
        return "st-" + _json_sha256(body)[:32]

    def spec(self) -> dict[str, str | int | None]:
        """Return the arguments of load_encoder, as an index keeps them."""
        spec: dict[str, str | int | None] = {
            "name": self.name,
            "revision": self.revision,
            "prompt": self.prompt,
            "max_length": self.max_length,
        }
        # Defaults are left out, as in indexes from before these settings existed.
        if self.adapter is not None:
            spec[ADAPTER_KEY] = self.adapter.name
        if self.long_texts != CUT:
            spec["long_texts"] = self.long_texts
        return spec


def check_long_texts(long_texts: str) -> None:
    """Raise EncoderError unless it is one of the ways to treat long texts."""
    if long_texts not in (WINDOWS, CUT):
        raise EncoderError(f"long_texts is {long_texts!r}; say {WINDOWS!r} or {CUT!r}")


def _model_settings(folder: Path, modules: Sequence[Module]) -> dict[str, object]:
    """Return all that decides the vectors of a model and is not a setting of the user."""
    kinds = [module.kind for module in modules]
    if kinds[-1] == "Normalize":  # vectors get unit length in any case
        kinds.pop()
    settings = _transformer_settings(modules[0])
    tokenizer = read_settings(modules[0].folder / "tokenizer_config.json")
    own = read_settings(folder / "config_sentence_transformers.json")
    return {
        "kind": "sentence-transformers",
        "weights": [file_sha256(path) for m in modules for path in _weights(m)],
        "tokenizer": _tokenizer(modules[0].folder),
        "modules": kinds,
        "pooling": [pooling_modes(folder, m) for m in modules if m.kind == "Pooling"],
        "normalize": True,
        "lower_case": [bool(each.get("do_lower_case")) for each in (settings, tokenizer)],
        "truncate_dim": own.get("truncate_dim"),
    }


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
    """Return the number of tokens after which a text is cut, None for never.

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
        if max_length < _MIN_LENGTH or (positions is not None and max_length > positions):
            raise EncoderError(
                f"max_length is {max_length}; this model takes {_MIN_LENGTH} to"
                f" {positions or 'any'}"
            )
        return max_length
    configured = _as_limit(_transformer_settings(first), "max_seq_length")
    if configured is not None:
        return configured
    tokenizer = _as_limit(read_settings(first.folder / "tokenizer_config.json"), "model_max_length")
    return min((limit for limit in (positions, tokenizer) if limit is not None), default=None)


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
    """Hash what decides the tokens; truncation and padding are decided elsewhere."""
    single = folder / "tokenizer.json"
    if single.is_file():
        content = dict(read_settings(single))
        content.pop("truncation", None)
        content.pop("padding", None)
        return _json_sha256(content)
    paths = sorted(path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern))
    if not paths:
        raise EncoderError(f"{folder} has no tokenizer: tokenizer.json is not there")
    return _json_sha256([[path.name, file_sha256(path)] for path in paths])


def _json_sha256(body: object) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

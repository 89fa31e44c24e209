"""Training from labelled texts to an encoder's folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textshot.encoders import Encoder, clean_texts, load_encoder
from textshot.errors import EncoderError, InvalidTextsError
from textshot.training.card import alone, check_output, clear, put_encoder, work_folder
from textshot.training.config import TrainConfig
from textshot.training.corpus import Splits, check_enough, make_corpus, split_categories
from textshot.training.report import TrainReport, make_report

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
    from textshot.training.loop import Run

VALID_SHARE = 0.25
"""Of the categories, held out to judge by, where no split is given."""

Say = Callable[[str], None]
Advance = Callable[[int, float | None], None]


def train(
    encoder: Encoder | str | None,
    texts: Sequence[str],
    labels: Sequence[str],
    config: TrainConfig | None = None,
    *,
    output: str | Path,
    overwrite: bool = False,
    restart: bool = False,
    say: Say = lambda line: None,
) -> TrainReport:
    """Fine-tune an encoder on labelled texts of other categories, and keep it if it is better.

    A quarter of the categories is held out, drawn by the seed; see `train_splits` for the rest.

    Args:
        encoder: a sentence-transformers encoder, the name of one, or None for the default.
        texts: n texts.
        labels: the category of each.
        config: how; None takes the defaults.
        output: the folder to write.
        overwrite: replace an encoder that textshot trained there before.
        restart: throw an unfinished run away in place of going on with it.
        say: takes a line for people now and then.

    Raises:
        InvalidTextsError: texts that no episode can be drawn from, with the reason.
        TrainingError: a run that cannot begin or go on.
        EncoderError: an encoder that cannot learn.
    """
    if len(texts) != len(labels):
        raise InvalidTextsError(f"{len(texts)} texts but {len(labels)} labels")
    config = TrainConfig() if config is None else config
    rows = ((t, c, f"text {i}") for i, (t, c) in enumerate(zip(texts, labels, strict=True)))
    corpus, prepared = make_corpus(rows, min_texts=config.texts_needed)
    for line in prepared.lines():
        say(line)
    splits = split_categories(corpus, seed=config.seed, shares=VALID_SHARE)
    return train_splits(
        encoder, splits, config, output=output, overwrite=overwrite, restart=restart, say=say
    )


def train_splits(
    encoder: Encoder | str | None,
    splits: Splits,
    config: TrainConfig,
    *,
    output: str | Path,
    keep: Sequence[str] = (),
    overwrite: bool = False,
    restart: bool = False,
    say: Say = lambda line: None,
    reading: Advance = lambda done, share: None,
    learning: Advance = lambda done, share: None,
) -> TrainReport:
    """Train on the categories of `splits.train`, judged by those of `splits.valid`.

    Only what wins on the held-out categories is kept, by more than one standard error over them;
    otherwise nothing is written. An unfinished run lies beside `output` and is gone on with by
    the next call with the same arguments. Errors as in `train`.

    Args:
        encoder: as in `train`, like `output`, `overwrite`, `restart` and `say`.
        splits: without a category in common; `splits.test` is not looked at.
        config: how.
        output: the folder to write.
        keep: texts of other kinds whose vectors shall stay where they are (docs/adr/0013); no
            labels needed. See `TrainConfig.keep_weight`.
        overwrite: replace an encoder there.
        restart: begin again.
        say: takes a line for people.
        reading: called with the number of texts read since the last call and their share of all.
        learning: called with the number of steps done since the last call and their share of all.
    """
    begun = time.monotonic()
    loaded, keep = _that_can_learn(encoder), clean_texts(keep)
    folder = Path(output)
    check_output(folder, overwrite=overwrite)
    for part in (splits.train, splits.valid):
        # Fewer categories than ways make smaller episodes, as in a domain with fewer.
        check_enough(part, min(config.n_way, len(part.names)), config.n_shot, config.n_query)
    work = work_folder(folder)
    with alone(folder):
        if restart:
            clear(work)
        run, model = _begin(loaded, splits, config, keep, work, begun, say, reading, learning)
        run.learn()
        outcome = run.choose()
        seconds = time.monotonic() - begun
        report = make_report(loaded, splits, config, run.progress, outcome, seconds)
        if outcome.kept:
            put_encoder(folder, model, run.network(), report, overwrite=overwrite)
        clear(work)
    return report


def _begin(
    encoder: SentenceTransformerEncoder,
    splits: Splits,
    config: TrainConfig,
    keep: Sequence[str],
    work: Path,
    begun: float,
    say: Say,
    reading: Advance,
    learning: Advance,
) -> tuple[Run, SentenceTransformer]:
    from textshot.training.data import count_texts, prepare
    from textshot.training.loop import Run
    from textshot.training.split_encoder import Tower

    model = encoder.fresh_model()
    tower = Tower(model, config.layers, str(encoder.spec["prompt"] or ""), work)
    n_eval = max(config.n_eval, config.texts_needed)
    total, done = count_texts(splits, n_eval, len(config.augment), len(keep)), 0

    def advance(some: int) -> None:
        nonlocal done
        done += some
        reading(some, done / total)

    material = prepare(
        tower,
        splits,
        n_eval=n_eval,
        kinds=config.augment,
        keep=keep,
        seed=config.seed,
        advance=advance,
    )
    run = Run(
        tower,
        config.make_network(),
        material,
        config,
        work,
        identity=_identity(encoder, splits, config, keep),
        begun=begun,
        say=say,
        advance=learning,
    )
    return run, model


def _that_can_learn(encoder: Encoder | str | None) -> SentenceTransformerEncoder:
    if encoder is None or isinstance(encoder, str):
        encoder = load_encoder(encoder, backend="torch", precision="fp32")
    reference = encoder.reference()
    if reference is None:
        raise EncoderError(
            f"the encoder {encoder.name!r} has no layers that could learn. Take a"
            " sentence-transformers one"
        )
    return reference


def _identity(encoder: Encoder, splits: Splits, config: TrainConfig, keep: Sequence[str]) -> str:
    """Return what tells this run from others: the encoder, the texts and the options."""
    found = hashlib.sha256(encoder.fingerprint.encode())
    found.update(json.dumps(config.to_dict(), sort_keys=True).encode())
    for part in (splits.train, splits.valid):
        for text in (*part.texts, *part.names, *part.descriptions):
            found.update(text.encode("utf-8", "surrogatepass") + b"\0")
        found.update(part.labels.tobytes() + part.domains.tobytes())
    for text in keep:
        found.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()


__all__ = ["VALID_SHARE", "train", "train_splits"]

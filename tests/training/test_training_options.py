"""Every network and option learns; domains stay apart; impossible options are refused."""

import dataclasses
import re
from pathlib import Path

import click
import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_learner import TOPICS, easy_rows

from textshot.cli.train import train as train_command
from textshot.errors import EncoderError, InvalidTextsError
from textshot.testing import HashingEncoder
from textshot.training import TrainConfig, train, train_splits
from textshot.training.corpus import Splits, join, split_categories
from textshot.training.corpus_preparation import prepare_corpus
from textshot.training.data import NO_ROW, prepare
from textshot.training.split_encoder import SplitEncoder


def losses(report):
    return [loss for _, _, loss in report.history]


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("matching", {}),
        ("matching", {"context": "attention"}),
        ("matching", {"context": "lstm"}),
        ("prototypical", {}),
        ("siamese", {}),
        ("siamese", {"loss_kind": "triplet"}),
        ("memory", {}),
        ("linear", {}),
    ],
)
def test_every_network_learns(go, network, settings):
    report = go(network=network, settings=settings)
    assert len(losses(report)) == 2
    assert losses(report)[1] < 0.95 * losses(report)[0]
    assert report.config["settings"] == settings


@pytest.mark.parametrize(
    "options",
    [
        {"n_shot": 3, "n_query": 2},
        {"n_shot": 0, "n_query": 2},
        {"hard": 0.5},
        {"dropout": 0.3, "n_way": 500},
        {"layers": "all"},
        {"layers": "projector", "lr": 0.03},
    ],
)
def test_every_option_learns(go, options):
    report = go(steps=30, **options)
    assert losses(report)[-1] < 0.98 * losses(report)[0]
    assert all(np.isfinite(losses(report)))


def test_two_ways_are_enough(go):
    assert all(np.isfinite(losses(go(n_way=2))))


def test_descriptions_are_keys(go, split):
    rows = {topic: " ".join([topic] * 3) for topic in TOPICS[:32:2]}
    plain = go(output="plain")
    report = go(split(descriptions=rows), output="described")
    assert report.kept
    assert report.frozen != plain.frozen


def test_every_text_is_stored_at_its_row(learner, split):
    splits = split(descriptions={TOPICS[0]: "tba nba", TOPICS[5]: "tbm"})
    split_encoder = SplitEncoder(learner.fresh_model(), 1)
    data = prepare(split_encoder, splits, n_eval=3)
    for part in (data.train, data.valid):
        corpus = part.corpus
        np.testing.assert_allclose(
            split_encoder.embed(part.texts), learner.encode(corpus.texts), atol=1e-5
        )
        np.testing.assert_allclose(
            split_encoder.embed(part.names), learner.encode(corpus.names), atol=1e-5
        )
        described = part.descriptions != NO_ROW
        assert described.tolist() == [bool(text) for text in corpus.descriptions]
        if described.any():
            np.testing.assert_allclose(
                split_encoder.embed(part.descriptions[described]),
                learner.encode([text for text in corpus.descriptions if text]),
                atol=1e-5,
            )
    assert data.valid.corpus.counts.tolist() == [3] * 8


def two_domains():
    parts = []
    for name, topics, noises in (("easy", TOPICS[:24], 1), ("hard", TOPICS[24:], 4)):
        rows = [(text, label, "") for text, label in easy_rows(topics=topics, noises=noises)]
        parts.append((name, split_categories(prepare_corpus(rows)[0], shares=0.25)))
    return Splits(*(join([(n, getattr(s, p)) for n, s in parts]) for p in Splits.__slots__))


def test_two_domains_are_validated_apart(go):
    report = go(two_domains())
    assert list(report.domains) == ["easy", "hard"]
    (easy, _), (hard, _) = report.domains.values()
    assert easy > hard + 0.1
    assert report.frozen == pytest.approx((easy + hard) / 2)
    assert report.tuned == pytest.approx(np.mean([after for _, after in report.domains.values()]))
    assert (report.n_train, report.n_valid) == (36, 12)
    lines = report.lines()
    assert lines[0].startswith("held-out categories (12, ")
    assert [line.split(":")[0] for line in lines[1:]] == ["  easy", "  hard"]


def test_a_domain_that_loses_is_refused(go, tmp_path, monkeypatch):
    # Half of the texts get better by 30 points, the others worse by one.
    from textshot.training import loop as run
    from textshot.training.validation import Validation

    def validation(self, network, *, exact=False):
        frozen = network is None
        return Validation(np.array([0.5, 0.5] if frozen else [0.8, 0.49]), np.array([0, 1]))

    monkeypatch.setattr(run.Run, "_validate", validation)
    report = go(two_domains())
    assert (report.kept, report.alpha) == (False, None)
    assert not list(tmp_path.iterdir())


def test_an_encoder_without_layers_is_refused(quick, split, tmp_path):
    with pytest.raises(EncoderError, match=r"has no layers to train\. Use a sentence-tr"):
        train_splits(HashingEncoder(), split(), quick(), output=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_too_many_layers_leave_nothing_behind(go, tmp_path):
    with pytest.raises(EncoderError, match="9 layers cannot be trained: the encoder has 3"):
        go(layers=9)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no labelled text to learn from"),
        (easy_rows(texts=1), r"no category has 2 different texts .*An episode needs two texts"),
        (easy_rows(topics=TOPICS[:3]), r"3 categories cannot be split into 2 parts"),
    ],
)
def test_too_few_texts_for_an_episode_are_refused(learner, quick, tmp_path, rows, message):
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    with pytest.raises(InvalidTextsError, match=message):
        train(learner, texts, labels, quick(), output=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_texts_without_labels(learner, tmp_path):
    with pytest.raises(InvalidTextsError, match="2 texts but 1 labels"):
        train(learner, ["a", "b"], ["x"], output=tmp_path / "out")


def test_four_categories_are_enough(learner, quick, tmp_path):
    rows, config = easy_rows(topics=TOPICS[:4]), quick()
    report = train(
        learner, [t for t, _ in rows], [c for _, c in rows], config, output=tmp_path / "out"
    )
    assert (report.n_train, report.n_valid) == (2, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "bayes"}, "network 'bayes' is not known; choose matching, prototypical"),
        ({"settings": {"scale": 3}}, "no setting 'scale'"),
        ({"settings": {"context": "lstmm"}}, "lstmm"),
        ({"steps": 19}, "steps is 19; it has to be in 20 to 1000000"),
        ({"minutes": 0.0}, "minutes is 0.0"),
        ({"minutes": float("nan")}, "minutes is nan"),
        ({"n_way": 1}, "n_way is 1; it has to be in 2 to"),
        ({"n_shot": -1}, "n_shot is -1"),
        ({"n_query": 0}, "n_query is 0"),
        ({"n_shot": 0}, "n_shot 0 and n_query 1: leaving one out needs two"),
        ({"hard": 1.1}, "hard is 1.1"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"lr": -0.1}, "lr is -0.1"),
        ({"lr_network": 2.0}, "lr_network is 2.0"),
        ({"clip": 0.0}, "clip is 0.0"),
        ({"clip": float("inf")}, "clip is inf"),
        ({"warmup": 1.5}, "warmup is 1.5"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"draws": 1}, "draws is 1"),
        ({"patience": 0}, "patience is 0"),
        ({"eval_every": 0}, "eval_every is 0"),
        ({"layers": "top"}, "layers is 'top'; a number, all or projector"),
        ({"precision": "fp16"}, "precision is 'fp16'; choose auto, bf16, fp32"),
        ({"alphas": ()}, r"alphas is \(\); numbers above 0, 1 at most"),
        ({"alphas": []}, r"alphas is \[\]; numbers above 0"),
        ({"alphas": (0.5, 0.0)}, r"alphas is \(0\.5, 0\.0\); numbers above 0"),
        ({"alphas": (-0.5,)}, r"alphas is \(-0\.5,\); numbers above 0"),
        ({"alphas": (0.5, 1.01)}, r"alphas is \(0\.5, 1\.01\); numbers above 0, 1 at most"),
        ({"alphas": (float("nan"),)}, r"alphas is \(nan,\); numbers above 0"),
        ({"keep_weight": -0.1}, r"keep_weight is -0\.1; it has to be in 0"),
        ({"keep_weight": 1001.0}, r"keep_weight is 1001\.0; .* to 1000"),
        ({"keep_weight": float("nan")}, "keep_weight is nan"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(InvalidTextsError, match=message):
        TrainConfig(**options)


def test_the_defaults_are_plain_objects():
    import json

    found = TrainConfig().to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert TrainConfig(n_shot=3, n_query=2).texts_needed == 5
    assert TrainConfig(n_shot=0, n_query=2).texts_needed == 2


def test_interpolation_coefficients_are_plain_objects():
    assert TrainConfig().to_dict()["alphas"] == [0.25, 0.5, 0.75, 1.0]
    assert TrainConfig(alphas=(1.0,)).to_dict()["alphas"] == [1.0]


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_a_single_interpolation_coefficient_is_the_only_one_tried(go, alpha):
    report = go(alphas=(alpha,))
    assert list(report.tried) == [alpha]
    assert report.alpha == alpha
    assert report.config["alphas"] == [alpha]


def test_the_encoder_is_written_at_the_interpolation_coefficient(go, learner_folder, tmp_path):
    assert go(alphas=(1.0,), output="whole").kept
    assert go(alphas=(0.5,), output="half").kept
    before, half, whole = (
        load_file(folder / "model.safetensors")
        for folder in (learner_folder, tmp_path / "half", tmp_path / "whole")
    )
    moved = [name for name in before if not np.array_equal(before[name], whole[name])]
    assert moved
    for name in moved:
        np.testing.assert_allclose(half[name], (before[name] + whole[name]) / 2, atol=1e-6)


def test_validation_takes_enough_texts_for_the_shots(go):
    assert go(n_shot=3, n_eval=2).steps_done == 20


def test_the_table_of_the_guide_has_all_settings_with_their_defaults_and_options():
    page = Path(__file__).parents[2].joinpath("docs", "learning.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \| (?:`(--[\w-]+)`)? ?\|", page, re.MULTILINE)
    flags = {
        p.name: max(p.opts, key=len) for p in train_command.params if isinstance(p, click.Option)
    }
    defaults = {f.name: getattr(TrainConfig(), f.name) for f in dataclasses.fields(TrainConfig)}
    assert rows == [(name, repr(d), flags.get(name, "")) for name, d in defaults.items()]

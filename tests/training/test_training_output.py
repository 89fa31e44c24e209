"""The folder of a trained encoder: an ordinary one, and our figures beside it."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_learner import DIM, easy_rows

from textshot import Category, Engine, load_encoder
from textshot.networks import (
    Linear,
    Matching,
    Memory,
    Prototypical,
    Siamese,
    load_network,
    stored_settings,
)
from textshot.training import train

TEXTS = [text for text, _ in easy_rows(seed=5)][:40]


def made(go, tmp_path, **options):
    report = go(**options)
    assert report.kept
    return report, tmp_path / "out", load_encoder(str(tmp_path / "out"), device="cpu")


@pytest.mark.parametrize("layers", ["all", "projector"])
def test_it_is_an_ordinary_model(go, learner, tmp_path, layers):
    from sentence_transformers import SentenceTransformer

    _, folder, ours = made(go, tmp_path, layers=layers, steps=40)
    theirs = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    found = ours.encode(TEXTS)
    np.testing.assert_allclose(theirs.encode(TEXTS, normalize_embeddings=True), found, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(theirs.encode(TEXTS), axis=1), 1.0, atol=1e-5)
    assert np.abs(found - learner.encode(TEXTS)).max() > 0.01
    assert ours.fingerprint != learner.fingerprint
    assert theirs.max_seq_length == 12
    kinds = [type(module).__name__ for module in theirs]
    assert ("Dense" in kinds) is (layers == "projector")
    assert kinds[-1] == "Normalize"
    if layers == "projector":
        assert theirs[-2].linear.weight.shape == (DIM, DIM)


@pytest.mark.parametrize(("layers", "frozen"), [(1, "012"), (2, "01")])
def test_what_does_not_learn_stays_bit_for_bit(go, learner_folder, tmp_path, layers, frozen):
    _, folder, _ = made(go, tmp_path, layers=layers)
    before, after = (load_file(f / "model.safetensors") for f in (learner_folder, folder))
    assert set(after) == set(before)
    learned = {name for name in before if not np.array_equal(before[name], after[name])}
    own = tuple(f"encoder.layer.{i}." for i in range(3 - layers, 3))
    assert learned == {name for name in before if name.startswith(own)}


def test_the_embeddings_are_those_that_were_validated(go, split, tmp_path):
    from textshot.evaluation import recalls

    splits = split()
    report, _, encoder = made(go, tmp_path, n_eval=100)
    valid = splits.valid
    found = recalls(
        load_network(tmp_path / "out"),
        encoder.encode(valid.texts),
        valid.labels,
        names=encoder.encode(valid.names),
        draws=4,
    )
    assert found.mean() == pytest.approx(report.tuned, abs=1e-9)


def test_the_figures_beside_it_are_the_reports(go, tmp_path):
    report, folder, _ = made(go, tmp_path)
    beside = json.loads((folder / "textshot.json").read_text())
    extra = beside["extra"]
    assert extra.pop("made_with").startswith("textshot ")
    assert extra == json.loads(json.dumps(report.to_dict()))
    assert (beside["network"], beside["settings"]) == ("matching", stored_settings(Matching()))
    card = (folder / "README.md").read_text()
    for part in (
        f"| all | {100 * report.frozen:.1f} | {100 * report.tuned:.1f} |",
        f"Gain {100 * report.gain:.1f}",
        f"categories {100 * report.standard_error:.1f}",
        f"fingerprint {report.fingerprint}",
        "144 texts of 24 categories; 8 other categories held out",
        f"{report.best_step} of 20 steps, seed 0",
        f"trained ones (1): {report.alpha:g}",
        "textshot index categories.csv -o my-index --encoder out",
    ):
        assert part in card
    assert "library_name: sentence-transformers" in card


def test_no_pickles_and_nothing_of_the_texts(go, tmp_path):
    _, folder, _ = made(go, tmp_path)
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"model.safetensors", "network.safetensors", "textshot.json", "README.md"} <= names
    assert not [n for n in names if n.endswith((".bin", ".pt", ".pth", ".pkl", ".py"))]
    text = TEXTS[0].encode()
    assert not [p for p in folder.rglob("*") if p.is_file() and text in p.read_bytes()]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("network", "kind"),
    [
        ("matching", Matching),
        ("prototypical", Prototypical),
        ("siamese", Siamese),
        ("memory", Memory),
        ("linear", Linear),
    ],
)
def test_the_network_that_learned_is_beside_it_and_used(go, tmp_path, monkeypatch, network, kind):
    if network == "linear":  # as it comes, it is too good here for the guard
        monkeypatch.setattr("textshot.training.loop.Outcome.kept", True)
    _, folder, encoder = made(go, tmp_path, network=network)
    beside = load_network(folder)
    assert type(beside) is kind
    rows = easy_rows(texts=1)
    engine = Engine.build(
        [Category(label, examples=[text]) for text, label in rows], encoder=encoder
    )
    assert type(engine.network) is kind
    assert {n: a.tolist() for n, a in engine.network.parameters.items()} == {
        n: a.tolist() for n, a in beside.parameters.items()
    }
    right = [
        p.label == label
        for p, (_, label) in zip(
            engine.classify(TEXTS, threshold=None), easy_rows(seed=5), strict=False
        )
    ]
    assert np.mean(right) > 0.4  # of 32
    engine.save(tmp_path / "index")
    again = Engine.load(tmp_path / "index")
    assert [p.label for p in again.classify(TEXTS)] == [p.label for p in engine.classify(TEXTS)]


def test_training_goes_on_from_a_trained_encoder(go, tmp_path):
    first, _, encoder = made(go, tmp_path)
    second = go(output="more", encoder=encoder, seed=3)
    assert second.frozen > first.frozen
    assert second.fingerprint == encoder.fingerprint
    projected = go(output="projected", encoder=encoder, layers="projector", steps=60)
    again = go(
        output="twice",
        encoder=load_encoder(str(tmp_path / ("projected" if projected.kept else "out"))),
        layers="projector",
    )
    assert again.steps_done == 20


def test_the_prompt_is_kept_with_the_figures(go, learner_folder, tmp_path):
    encoder = load_encoder(str(learner_folder), device="cpu", prompt="tba ")
    report = go(encoder=encoder, steps=40)
    assert report.kept
    assert report.prompt == "tba "
    assert '--prompt "tba "' in (tmp_path / "out" / "README.md").read_text()
    assert json.loads((tmp_path / "out" / "textshot.json").read_text())["extra"]["prompt"] == "tba "


def test_train_takes_texts_and_labels(learner, quick, tmp_path):
    rows, told = easy_rows(), []
    report = train(
        learner,
        [text for text, _ in rows],
        [label for _, label in rows],
        quick(),
        output=tmp_path / "out",
        on_message=told.append,
    )
    assert report.kept
    assert (report.n_train, report.n_valid) == (24, 8)
    assert told[0] == "192 texts of 32 categories, from 192 rows"
    assert [line[:12] for line in told[1:]] == ["step 10 of 2", "step 20 of 2"]


def test_states_in_a_file_leave_no_file(go, tmp_path, monkeypatch):
    monkeypatch.setattr("textshot.training.split_encoder._MAX_BYTES", 0)
    made(go, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_no_file_tells_where_it_was_made(go, learner, tmp_path):
    assert str(learner.folder) in learner.source
    assert go(guard=False).kept
    again = load_encoder(str(tmp_path / "out"), device="cpu")
    go(guard=False, output="again", encoder=again)
    for folder in ("out", "again"):
        for path in (tmp_path / folder).rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            for place in (tmp_path, learner.folder.parent, Path.home()):
                assert str(place).encode() not in data, path
    assert "initial encoder: folder tiny" in (tmp_path / "out" / "README.md").read_text()

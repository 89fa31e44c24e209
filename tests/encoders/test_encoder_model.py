import copy
import logging
import pickle
import threading

import numpy as np
import pytest
from model_folders import model_fingerprint, write_json
from test_encoder_base import in_new_process

from textshot.encoders import load_encoder
from textshot.encoders.fingerprint import ModelConfig, effective_max_length
from textshot.encoders.model_folder import read_modules
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError, InvalidTextsError


def tiny(folder, **settings):
    return SentenceTransformerEncoder(ModelConfig(folder, "tiny", "test", **settings), "cpu")


@pytest.fixture(scope="module")
def minilm():
    import torch

    # Two threads that wait for each other are ten times slower on a machine that is busy.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load_encoder(device="cpu")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def many_texts():
    rng = np.random.default_rng(1)
    words = ["card", "lost", "my", "money", "is", "late", "where", "transfer", "refund"]
    return [" ".join(rng.choice(words, size=n)) for n in rng.integers(1, 60, size=64)]


def test_rows_are_float32_and_unit(minilm, many_texts):
    rows = minilm.encode(many_texts)
    assert rows.shape == (64, 384) == (64, minilm.dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert minilm.encode([]).shape == (0, 384)


def test_a_text_has_the_same_vector_alone_in_any_batch_and_in_any_order(minilm, many_texts):
    reference = minilm.encode(many_texts)
    alone = np.concatenate([minilm.encode([text]) for text in many_texts])
    order = np.random.default_rng(2).permutation(64)
    shuffled = minilm.encode([many_texts[i] for i in order], batch_size=7)
    np.testing.assert_allclose(alone, reference, atol=1e-5)
    np.testing.assert_allclose(shuffled, reference[order], atol=1e-5)


def test_meaning_is_near_meaning(minilm):
    card, lost, weather = minilm.encode(["my card is lost", "I can't find my card", "sunny today"])
    assert card @ lost > 0.5 > card @ weather


def test_odd_texts_are_encoded(minilm):
    rows = minilm.encode(["", " ", "a\ud800", "a\x00b", "word " * 5000, "😀"])
    assert np.isfinite(rows).all()


def test_texts_are_checked(minilm):
    with pytest.raises(TypeError, match="give a list"):
        minilm.encode("one text")
    with pytest.raises(InvalidTextsError, match="text 1 is missing"):
        minilm.encode(["a", None])


def test_threads_can_share_an_encoder(tiny_folder):
    encoder, found = tiny(tiny_folder), {}
    texts = [f"where is my card {'a ' * n}" for n in range(8)]

    def work(n):
        found[n] = encoder.encode([texts[n]] * 5)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(8):
        np.testing.assert_allclose(found[n], encoder.encode([texts[n]] * 5), atol=1e-6)


def test_a_prompt_works_as_if_it_stood_before_each_text(tiny_folder):
    texts = ["where is my card", "money", ""]
    prompted = tiny(tiny_folder, prompt="query: ").encode(texts)
    plain = tiny(tiny_folder)
    by_hand = plain.encode(["query: " + text for text in texts])
    np.testing.assert_allclose(prompted, by_hand, atol=1e-6)
    assert np.abs(prompted - plain.encode(texts)).max() > 0.01


def test_the_default_prompt_of_a_model_is_not_used(tiny_folder, copied):
    settings = {"prompts": {"query": "where is "}, "default_prompt_name": "query"}
    write_json(copied / "config_sentence_transformers.json", settings)
    expected = tiny(tiny_folder).encode(["my card"])
    np.testing.assert_allclose(tiny(copied).encode(["my card"]), expected, atol=1e-6)


def test_max_length_cuts_texts(tiny_folder):
    long, cut = "a b c card money lost late where", "a b c"
    encoder = tiny(tiny_folder, max_length=5)  # three words between [CLS] and [SEP]
    np.testing.assert_allclose(encoder.encode([long]), encoder.encode([cut]), atol=1e-6)
    assert np.abs(np.subtract(*tiny(tiny_folder).encode([long, cut]))).max() > 0.01


def test_the_limit_in_the_fingerprint_is_the_one_sentence_transformers_finds(
    plain_folder, tiny_folder, bundled_folder
):
    from sentence_transformers import SentenceTransformer

    for folder in (plain_folder, tiny_folder, bundled_folder):
        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        assert model.max_seq_length == effective_max_length(read_modules(folder)[0])


def test_a_model_saved_again_by_sentence_transformers_has_the_same_fingerprint(
    tiny_folder, tmp_path
):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_folder), device="cpu", local_files_only=True)
    model.save_pretrained(str(tmp_path / "again"))
    assert model_fingerprint(tmp_path / "again") == model_fingerprint(tiny_folder)


def test_pooling_of_the_folder_is_used(tiny_folder, copied):
    write_json(
        copied / "1_Pooling" / "config.json",
        {"embedding_dimension": 32, "pooling_mode": ["mean", "max"]},
    )
    assert tiny(copied).dim == 64
    assert tiny(copied).fingerprint != tiny(tiny_folder).fingerprint


def test_vectors_that_a_model_cuts_short_are_another_encoder(tiny_folder, copied):
    write_json(copied / "config_sentence_transformers.json", {"truncate_dim": 16})
    assert tiny(copied).dim == 16
    assert tiny(copied).fingerprint != tiny(tiny_folder).fingerprint


def test_a_plain_model_is_pooled_by_mean(plain_folder, tiny_folder):
    texts = ["where is my card", "a"]
    plain = tiny(plain_folder, max_length=16)
    np.testing.assert_allclose(plain.encode(texts), tiny(tiny_folder).encode(texts), atol=1e-6)


def test_half_precision_weights_are_run_in_float32(tiny_folder, copied):
    import torch
    from safetensors.torch import load_file, save_file

    path = copied / "model.safetensors"
    half = {name: tensor.half() for name, tensor in load_file(path).items()}
    save_file(half, path, metadata={"format": "pt"})
    encoder = tiny(copied)
    assert {p.dtype for p in encoder._model.parameters()} == {torch.float32}


def test_a_static_model_works_and_a_text_without_tokens_gets_the_fixed_vector(static_folder):
    encoder = SentenceTransformerEncoder(ModelConfig(static_folder, "s", "s"), "cpu")
    rows = encoder.encode(["", "where is my card", "card"])
    assert encoder.dim == 8
    np.testing.assert_allclose(rows[0], np.full(8, 8**-0.5), atol=1e-6)
    assert rows[1] @ rows[2] < 0.99


def test_spec_brings_the_same_encoder_back(tiny_folder):
    first = load_encoder(str(tiny_folder), prompt="query: ", max_length=8, device="cpu")
    assert first.spec == {
        "name": str(tiny_folder),
        "revision": None,
        "prompt": "query: ",
        "max_length": 8,
        "long_texts": "windows",
    }
    texts = ["a b", "where is my card and my money " * 9]
    again = load_encoder(**first.spec)
    assert again.fingerprint == first.fingerprint
    np.testing.assert_allclose(again.encode(texts), first.encode(texts), atol=1e-6)


def test_the_spec_of_an_encoder_that_cuts_is_the_one_of_before(tiny_folder):
    first = load_encoder(str(tiny_folder), long_texts="cut", device="cpu")
    assert first.spec == {
        "name": str(tiny_folder),
        "revision": None,
        "prompt": "",
        "max_length": None,
    }
    assert first.fingerprint == model_fingerprint(tiny_folder)


def test_what_cannot_be_loaded_says_why_in_one_line(copied, tiny_folder):
    (copied / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(EncoderError, match=r"copied cannot be loaded: .+") as caught:
        tiny(copied)
    assert "\n" not in str(caught.value)
    with pytest.raises(EncoderError, match="device 'toaster' is not available"):
        SentenceTransformerEncoder(ModelConfig(tiny_folder, "t", "t"), "toaster")


def test_loading_prints_nothing_and_restores_what_it_silenced(tiny_folder):
    code = (
        "import logging, transformers\n"
        "from transformers.utils import logging as chatter\n"
        "from textshot.encoders import load_encoder\n"
        "before = chatter.get_verbosity(), chatter.is_progress_bar_enabled()\n"
        f"load_encoder({str(tiny_folder)!r}, device='cpu').encode(['a'])\n"
        "assert before == (chatter.get_verbosity(), chatter.is_progress_bar_enabled())\n"
        "assert before[1]\n"
    )
    done = in_new_process(code)
    assert (done.stdout, done.stderr) == ("", "")


def test_texts_are_never_logged(tiny_folder, caplog):
    with caplog.at_level(logging.DEBUG):
        load_encoder(str(tiny_folder), device="cpu").encode(["my secret"])
    assert "secret" not in caplog.text
    assert f"folder {tiny_folder}" in caplog.text


def test_a_copy_is_the_same_encoder_and_a_pickle_loads_it_again(minilm):
    assert copy.deepcopy(minilm) is minilm
    again = pickle.loads(pickle.dumps(minilm))
    assert again.fingerprint == minilm.fingerprint
    np.testing.assert_array_equal(again.encode(["a parcel"]), minilm.encode(["a parcel"]))

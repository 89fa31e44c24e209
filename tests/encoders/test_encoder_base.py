import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import textshot
from textshot import Engine, encoders
from textshot._arrays import unit_rows
from textshot.encoders import (
    Encoder,
    FunctionEncoder,
    HashingEncoder,
    TruncationStats,
    clean_texts,
)
from textshot.encoders.base import with_direction
from textshot.errors import EncoderError, InvalidTextsError
from textshot.testing import toy_engine

HEAVY = ("torch", "transformers", "sentence_transformers", "huggingface_hub")


def in_new_process(code, **environment):
    root = str(Path(textshot.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": root} | environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_importing_encoders_imports_no_heavy_library():
    code = f"import sys, textshot.encoders; print([m for m in {HEAVY} if m in sys.modules])"
    assert in_new_process(code).stdout.strip() == "[]"


def test_importing_encoders_changes_no_environment_variable():
    code = "import os; b = dict(os.environ); import textshot.encoders; print(b == dict(os.environ))"
    assert in_new_process(code).stdout.strip() == "True"


def test_public_names_can_be_imported():
    assert all(hasattr(encoders, name) for name in encoders.__all__)


class Lengths(Encoder):
    """An encoder of one's own, in as few lines as it takes."""

    def __init__(self):
        super().__init__("lengths v1", dim=2)

    def encode(self, texts, *, batch_size=32):
        rows = np.array([[len(text), 1] for text in clean_texts(texts)]).reshape(-1, 2)
        return unit_rows(rows)


def test_every_encoder_fulfils_the_contract():
    function = FunctionEncoder(lambda t: np.ones((len(t), 3)), name="x")
    for encoder in (HashingEncoder(), function, Lengths()):
        rows = encoder.encode(["a", "b"])
        assert rows.shape == (2, encoder.dim)
        assert rows.dtype == np.float32
        assert encoder.encode([]).shape == (0, encoder.dim)


def test_a_subclass_gets_defaults_and_is_taken_by_an_engine():
    encoder = Lengths()
    same = FunctionEncoder(lambda t: np.ones((len(t), 2)), name="lengths v1")
    assert (encoder.fingerprint, encoder.spec) == (same.fingerprint, same.spec)
    assert (encoder.source, encoder.folder, encoder.runtime) == ("lengths v1", None, "own")
    assert (encoder.is_cached, encoder.is_exact, encoder.is_single_core) == (False,) * 3
    assert (encoder.uncached, encoder.reference()) == (encoder, None)
    assert encoder.truncation_stats(["a", "b"]) == TruncationStats(2)
    assert repr(encoder) == "Lengths('lengths v1')"
    engine = Engine.build({"short": ["a"], "long": ["a" * 50]}, encoder=encoder, use_names=False)
    assert engine.classify(["bb"], k=1)[0].matches[0].label == "short"


@pytest.mark.parametrize("other", [object(), lambda texts: texts])
def test_another_object_is_refused_with_what_to_do(other):
    message = r"is not an encoder\. Subclass textshot\.Encoder, or wrap a function"
    with pytest.raises(TypeError, match=message):
        Engine.build({"a": ["a"], "b": ["b"]}, encoder=other)


@pytest.mark.parametrize(("name", "dim"), [("", 2), (" ", 2), ("x", 0)])
def test_an_empty_name_and_no_dimensions_are_refused(name, dim):
    class Own(Lengths):
        def __init__(self):
            Encoder.__init__(self, name, dim=dim)

    with pytest.raises(EncoderError, match=r"name is empty|dim is 0"):
        Own()


@pytest.mark.parametrize("one", ["where?", b"where?", np.str_("where?")])
def test_a_single_string_is_refused_and_the_list_shown(one):
    with pytest.raises(TypeError, match=r'give a list.*\["where is my card\?"\]'):
        clean_texts(one)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (None, r"text 1 is missing \(None\)\. Drop it, or give ''"),
        (float("nan"), r"text 1 is missing \(nan\)\. Drop it, or give ''"),
        (7, r"text 1 is of type int, not a string\. Convert it with str\(\)"),
        (b"x", "text 1 is of type bytes, not a string"),
    ],
)
def test_a_member_that_is_no_string_is_refused_with_its_position_and_type(member, message):
    with pytest.raises(InvalidTextsError, match=message):
        clean_texts(["fine", member])


@pytest.mark.parametrize(
    "table",
    [
        {"text": ["my parcel"]},
        pd.DataFrame({"text": ["my parcel"]}),
        pl.DataFrame({"text": ["my parcel"]}),
        pa.table({"text": ["my parcel"]}),
        pa.RecordBatch.from_pydict({"text": ["my parcel"]}),
    ],
    ids=lambda table: f"{type(table).__module__.partition('.')[0]} {type(table).__name__}",
)
def test_a_table_is_refused_before_its_column_names_are_taken_for_texts(table):
    engine = toy_engine()
    for answer in (clean_texts, engine.classify, engine.scores, engine.adapted, engine.suggest):
        with pytest.raises(TypeError, match=r"names of its columns; give .*table\['text'\]"):
            answer(table)


@pytest.mark.parametrize(
    "texts",
    [
        pd.Series(["a", "b"]),
        pl.Series(["a", "b"]),
        ("a", "b"),
        iter(["a", "b"]),
        {"a": 1, "b": 2}.keys(),
    ],
)
def test_a_column_an_iterator_and_keys_are_lists_of_texts(texts):
    assert clean_texts(texts) == ["a", "b"]


def test_numpy_strings_become_plain_strings():
    cleaned = clean_texts(np.array(["a", "b"]))
    assert cleaned == ["a", "b"]
    assert [type(text) for text in cleaned] == [str, str]


def test_lone_surrogates_and_nul_are_replaced_and_nothing_else():
    texts = ["a\ud800b", "\udfff", "a\x00b", "üñ 😀\n\t", ""]
    assert clean_texts(texts) == ["a\ufffdb", "\ufffd", "a b", "üñ 😀\n\t", ""]


def test_only_rows_of_zeros_get_the_fixed_direction():
    rows = with_direction(np.array([[0, 0, 0, 0], [0, 3, 0, 4]], dtype=np.float32))
    assert rows.tolist() == [[0.5, 0.5, 0.5, 0.5], [0, 3, 0, 4]]

"""The spaCy component says what the library says, wherever a pipeline is kept or sent."""

import gc
import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from textshot import Category, Engine, Prediction
from textshot.errors import IndexFormatError, IndexNotFoundError, InvalidTextsError
from textshot.integrations.spacy import make

TOPICS = [
    Category("late parcel", examples=["my parcel is late", "where is my order"]),
    Category("refund", examples=["i want my money back", "refund my order please"]),
]
TEXTS = ["my parcel is not here", "give me my money back", "", "quartz", "my parcel is not here"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("spacy") / "topics"
    Engine.build(TOPICS, encoder="hashing").save(path)
    return path


def pipeline(folder, *before, name="textshot", **config):
    nlp = spacy.blank("en")
    for other in before:
        nlp.add_pipe(other)
    nlp.add_pipe("textshot", name=name, config={"index": str(folder), **config})
    return nlp


def test_a_document_carries_the_prediction_of_the_library(folder):
    nlp, engine = pipeline(folder), Engine.load(folder)
    docs = list(nlp.pipe(TEXTS))
    assert [doc._.textshot for doc in docs] == engine.classify(TEXTS)
    assert docs[0]._.textshot.label == "late parcel"
    assert docs[2]._.textshot.label is None
    assert nlp(TEXTS[0])._.textshot == docs[0]._.textshot


def test_cats_hold_the_score_of_every_category(folder):
    engine = Engine.load(folder)
    for doc, row in zip(pipeline(folder).pipe(TEXTS), engine.scores(TEXTS), strict=True):
        assert list(doc.cats) == ["late parcel", "refund"]
        assert list(doc.cats.values()) == pytest.approx(row.tolist(), abs=1e-6)
    assert pipeline(folder, cats=False)(TEXTS[0]).cats == {}


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_batches_change_no_answer(folder, batch_size):
    docs = pipeline(folder).pipe(TEXTS, batch_size=batch_size)
    assert [doc._.textshot for doc in docs] == Engine.load(folder).classify(TEXTS)


def test_sentences_have_answers_of_their_own_and_cats_their_best(folder):
    nlp = pipeline(folder, "sentencizer", scope="sentences")
    doc = nlp("My parcel is late. Refund my order please!")
    sentences = list(doc.sents)
    assert [s._.textshot.label for s in sentences] == ["late parcel", "refund"]
    assert doc._.textshot is None
    rows = Engine.load(folder).scores([s.text for s in sentences])
    assert list(doc.cats.values()) == pytest.approx(rows.max(axis=0).tolist(), abs=1e-6)
    assert sentences[0].as_doc(copy_user_data=True)[:]._.textshot == sentences[0]._.textshot
    assert nlp("").cats == {}


def test_sentences_without_bounds_are_refused_with_advice(folder):
    with pytest.raises(InvalidTextsError, match=r'nlp\.add_pipe\("sentencizer", before'):
        pipeline(folder, scope="sentences")("My parcel is late.")


def test_components_with_several_indexes_stand_side_by_side(folder, tmp_path):
    Engine.build([Category("my"), Category("money")], encoder="hashing").save(tmp_path / "words")
    nlp = pipeline(folder, name="topic")
    nlp.add_pipe("textshot", name="word", config={"index": str(tmp_path / "words")})
    doc = nlp("money back")
    assert (doc._.topic.label, doc._.word.label) == ("refund", "money")
    assert set(doc.cats) == {"late parcel", "refund", "my", "money"}
    first, second = (nlp.get_pipe(name).engine.encoder._loaded for name in ("topic", "word"))
    assert first is second


def test_settings_reach_the_engine(folder):
    every = Engine.load(folder).classify(TEXTS, 1, threshold=None)
    found = [doc._.textshot for doc in pipeline(folder, threshold=None, k=1).pipe(TEXTS)]
    assert found == every
    assert pipeline(folder, threshold=1.0)("my parcel")._.textshot.label is None


@pytest.mark.parametrize("how", ["disk", "bytes"])
def test_a_pipeline_that_was_written_brings_its_index_along(folder, tmp_path, how):
    nlp = pipeline(folder, "sentencizer")
    expected = [doc._.textshot for doc in nlp.pipe(TEXTS)]
    config = nlp.config.copy()
    config["components"]["textshot"]["index"] = str(tmp_path / "moved away")
    if how == "disk":
        nlp.to_disk(tmp_path / "nlp")
        again = spacy.load(tmp_path / "nlp", config=config)
    else:
        again = spacy.blank("en").from_config(config).from_bytes(nlp.to_bytes())
    assert [doc._.textshot for doc in again.pipe(TEXTS)] == expected
    assert again.get_pipe("textshot").labels == ("late parcel", "refund")


def test_a_new_process_answers_alike(folder, tmp_path):
    nlp = pipeline(folder)
    nlp.to_disk(tmp_path / "nlp")
    code = (
        "import json, spacy, sys\n"
        "nlp = spacy.load(sys.argv[1])\n"
        "docs = nlp.pipe(json.loads(sys.argv[2]))\n"
        "print(json.dumps([[doc._.textshot.label, doc.cats] for doc in docs]))\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "nlp"), json.dumps(TEXTS)]
    shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert json.loads(shown) == [[d._.textshot.label, d.cats] for d in nlp.pipe(TEXTS)]


def test_documents_are_written_with_their_predictions(folder):
    docs = list(pipeline(folder).pipe(TEXTS))
    packed = DocBin(docs=docs, store_user_data=True).to_bytes()
    again = list(DocBin().from_bytes(packed).get_docs(spacy.blank("en").vocab))
    assert [doc._.textshot for doc in again] == [doc._.textshot for doc in docs]
    assert isinstance(again[0]._.textshot, Prediction)


def test_a_component_that_is_renamed_answers_under_its_new_name(folder, tmp_path):
    nlp = pipeline(folder)
    expected = nlp(TEXTS[0])._.textshot
    nlp.rename_pipe("textshot", "topic_renamed")
    doc = nlp(TEXTS[0])
    assert (doc._.topic_renamed, doc._.textshot) == (expected, None)
    assert [d._.topic_renamed for d in nlp.pipe(TEXTS[:1] * 4, n_process=2)] == [expected] * 4
    nlp.to_disk(tmp_path / "nlp")
    assert spacy.load(tmp_path / "nlp")(TEXTS[0])._.topic_renamed == expected
    nlp.rename_pipe("topic_renamed", "textshot")
    assert nlp(TEXTS[0])._.textshot == expected


def test_a_component_of_two_pipelines_answers_under_the_name_in_each(folder):
    first, second = pipeline(folder, name="mine"), spacy.blank("en")
    expected = first(TEXTS[0])._.mine
    second.add_pipe("mine", source=first, name="taken_over")
    doc = second(TEXTS[0])
    assert (doc._.taken_over, doc._.mine) == (expected, None)
    second.rename_pipe("taken_over", "renamed_there")
    assert second(TEXTS[0])._.renamed_there == expected
    assert first(TEXTS[0])._.mine == expected


@pytest.mark.parametrize("text", ["my parcel is not here ", "quartz", ""])
def test_the_answer_for_a_document_goes_where_the_document_goes(folder, text):
    import srsly

    doc = pipeline(folder)(text)
    answer = doc._.textshot
    assert answer is not None
    vocab = spacy.blank("en").vocab
    assert doc.copy()._.textshot == answer
    assert Doc(vocab).from_bytes(doc.to_bytes())._.textshot == answer
    data = srsly.json_loads(srsly.json_dumps(doc.to_json(underscore=["textshot"])))
    assert data["_"]["textshot"]["label"] == answer.label
    from_json = Doc(vocab).from_json(data)
    assert from_json._.textshot.label == answer.label
    assert from_json._.textshot.score == pytest.approx(answer.score)
    assert [m.key for m in from_json._.textshot.matches] == [m.key for m in answer.matches]
    assert Doc(vocab).from_bytes(from_json.to_bytes())._.textshot == from_json._.textshot
    assert Doc(vocab).from_json(doc.to_json(underscore=["textshot"]))._.textshot == answer


@pytest.mark.filterwarnings("error")
def test_joined_documents_keep_their_answers_as_spans(folder):
    docs = list(pipeline(folder).pipe(TEXTS[:2]))
    joined = Doc.from_docs(docs)
    bounds = [(0, len(docs[0])), (len(docs[0]), len(joined))]
    assert [joined[a:b]._.textshot for a, b in bounds] == [doc._.textshot for doc in docs]
    assert joined._.textshot is None


def test_the_only_sentence_does_not_answer_for_its_document(folder):
    doc = pipeline(folder, "sentencizer", scope="sentences")("My parcel is late.")
    assert doc[:]._.textshot.label == "late parcel"
    assert doc._.textshot is None


def test_the_garbage_collector_lets_go_of_what_is_stored(folder):
    doc = pipeline(folder)(TEXTS[0])
    for _ in range(3):  # each finds out of one more level that it holds numbers and texts alone
        gc.collect()
    [stored] = [value for key, value in doc.user_data.items() if key[1] == "textshot"]
    assert not gc.is_tracked(stored)


def test_sentences_of_joined_documents_keep_theirs(folder):
    nlp = pipeline(folder, "sentencizer", scope="sentences")
    first, second = nlp("My parcel is late."), nlp("Refund my order please!")
    sentences = list(Doc.from_docs([first, second]).sents)
    assert [s._.textshot.label for s in sentences] == ["late parcel", "refund"]


def test_several_processes_before_and_after_the_first_use(folder):
    """In a process of its own: a fork of this one would inherit what others have used."""
    code = (
        "import spacy, sys\n"
        "nlp = spacy.blank('en')\n"
        "nlp.add_pipe('textshot', config={'index': sys.argv[1]})\n"
        "for _ in range(2):\n"
        "    docs = nlp.pipe(['my parcel is late', 'refund'] * 3, n_process=2, batch_size=2)\n"
        "    print([doc._.textshot.label for doc in docs])\n"
        "    nlp('my parcel')\n"
    )
    words = [sys.executable, "-W", "ignore", "-c", code, str(folder)]
    shown = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120).stdout
    assert shown.splitlines() == [str(["late parcel", "refund"] * 3)] * 2


def test_an_index_that_is_not_there_is_an_error_of_the_first_document(folder, tmp_path):
    nlp = pipeline(tmp_path / "none")
    with pytest.raises(IndexNotFoundError, match=r"the component 'textshot': .*none"):
        nlp("my parcel")
    bare = spacy.blank("en")
    bare.add_pipe("textshot")
    assert bare.get_pipe("textshot").labels == ()
    with pytest.raises(IndexNotFoundError, match=r"has no index\. Name its folder"):
        bare("my parcel")


def test_an_error_handler_keeps_the_rest_going(folder):
    seen = []
    nlp = pipeline(folder, scope="sentences")
    nlp.set_error_handler(lambda name, proc, docs, error: seen.append((name, len(docs))))
    # One token has no bounds to miss: the second batch is fine.
    assert [doc.text for doc in nlp.pipe(TEXTS, batch_size=2)] == TEXTS[2:4]
    assert seen == [("textshot", 2), ("textshot", 1)]
    seen.clear()
    doc = nlp("My parcel is late.")
    assert (doc.text, doc.cats) == ("My parcel is late.", {})
    assert seen == [("textshot", 1)]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"scope": "words"}, r"words"),
        ({"k": 0}, r"k is 0; at least 1 is needed"),
        ({"treshold": 0.3}, r"treshold"),
    ],
)
def test_settings_that_are_none_are_refused_at_once(folder, config, message):
    with pytest.raises(ValueError, match=message):
        pipeline(folder, **config)


def test_another_extension_of_the_name_is_not_taken(folder):
    Doc.set_extension("mood", default=None)
    try:
        with pytest.raises(InvalidTextsError, match=r"another extension Doc\._\.mood"):
            pipeline(folder, name="mood")
    finally:
        Doc.remove_extension("mood")


def test_bytes_that_hold_something_else_are_refused(folder):
    import srsly

    component = pipeline(folder).get_pipe("textshot")
    for data in (b"junk\xc1", srsly.msgpack_dumps([1]), srsly.msgpack_dumps({})):
        with pytest.raises(IndexFormatError, match=r"not a packed index"):
            component.from_bytes(data)
    with pytest.raises(IndexFormatError, match=r"a file '\.\./evil'"):
        component.from_bytes(srsly.msgpack_dumps({"../evil": b""}))


def test_spacy_finds_the_component_by_its_entry_point():
    [entry] = entry_points(group="spacy_factories", name="textshot")
    assert entry.load() is make


def test_a_private_index_stays_private(tmp_path):
    engine = Engine.build(TOPICS, encoder="hashing", private=True)
    engine.save(tmp_path / "private")
    nlp = pipeline(tmp_path / "private")
    assert nlp("my parcel is late")._.textshot.matches[0].key.text is None
    nlp.to_disk(tmp_path / "nlp")
    written = b"".join(f.read_bytes() for f in (tmp_path / "nlp").rglob("*") if f.is_file())
    assert b"my parcel is late" not in written

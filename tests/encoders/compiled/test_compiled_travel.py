"""A compiled encoder is copied, pickled and shared between threads."""

import copy
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from compiled_models import TEXTS
from sklearn.base import clone
from test_encoder_base import in_new_process

from textshot import OneShotClassifier
from textshot.encoders import load_encoder
from textshot.encoders.compiled.graphs import OpenVinoGraph
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError


@pytest.fixture(scope="module", params=["openvino", "onnx"])
def compiled(request, tiny_folder):
    return load_encoder(str(tiny_folder), backend=request.param, precision="fp32", prompt="query: ")


def test_a_copy_is_itself(compiled):
    assert copy.deepcopy(compiled) is compiled
    assert copy.copy(compiled).encode(["a"]).tolist() == compiled.encode(["a"]).tolist()


def test_it_travels_to_another_process_by_name(compiled, tmp_path):
    sent = pickle.dumps(compiled)
    assert len(sent) < 2000
    (tmp_path / "sent").write_bytes(sent)
    code = (
        "import pickle, sys, numpy; from pathlib import Path;"
        f"compiled = pickle.loads(Path({str(tmp_path / 'sent')!r}).read_bytes());"
        f"numpy.save({str(tmp_path / 'rows.npy')!r}, compiled.encode({TEXTS[:20]!r}));"
        "print(compiled.source, compiled.fingerprint, 'torch' in sys.modules)"
    )
    told = in_new_process(code, TEXTSHOT_CACHE=os.environ["TEXTSHOT_CACHE"]).stdout
    assert told.strip() == f"{compiled.source} {compiled.fingerprint} False"
    np.testing.assert_allclose(
        np.load(tmp_path / "rows.npy"), compiled.encode(TEXTS[:20]), atol=1e-5
    )


def test_threads_can_share_it(compiled):
    work = [[f"where is my card {'a ' * n}", *TEXTS[n:]] for n in range(8)]
    expected = [compiled.encode(texts) for texts in work]
    together = threading.Barrier(8)

    def encoded(n):
        together.wait()
        return [compiled.encode(work[n]) for _ in range(10)]

    with ThreadPoolExecutor(8) as pool:
        for n, found in enumerate(pool.map(encoded, range(8))):
            for rows in found:
                np.testing.assert_allclose(rows, expected[n], atol=1e-6)


def test_a_run_that_is_broken_off_leaves_nothing_for_the_next(compiled):
    def batch(place):
        numbers = np.full((8, 16), 5, np.int64)
        return np.array([place]), numbers, np.ones_like(numbers)

    def interrupted():
        yield batch(0)
        yield batch(1)
        raise KeyboardInterrupt

    first, second = [], []
    with pytest.raises(KeyboardInterrupt):
        compiled._graph.run(interrupted(), lambda places, _: first.append(places[0]))
    assert sorted(first) == [0, 1]  # they are over, so they cannot come later
    compiled._graph.run([batch(2)], lambda places, _: second.append(places[0]))
    assert second == [2]


def test_a_classifier_with_it_is_cloned_and_fitted(compiled):
    texts, labels = ["where is my card", "lost money", "a b c"], ["card", "money", "letters"]
    made = clone(OneShotClassifier(compiled)).fit(texts, labels)
    assert list(made.predict(texts)) == labels


def test_what_learns_is_the_reference_of_it(compiled):
    found = compiled.reference()
    assert isinstance(found, SentenceTransformerEncoder)
    assert (found.fingerprint, found.spec) == (compiled.fingerprint, compiled.spec)
    np.testing.assert_allclose(found.encode(TEXTS), compiled.encode(TEXTS), atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_nonsense_in_place_of_a_graph_is_an_error(compiled):
    with pytest.raises(EncoderError, match="OpenVINO cannot read the graph: "):
        OpenVinoGraph(b"nonsense", "fp32", is_compiled=compiled)

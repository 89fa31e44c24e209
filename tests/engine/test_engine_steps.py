"""What readers beside a writer see: the state before an edit or after it, and never between."""

import threading

from textshot.engine import Engine

ROUNDS = 1000


def seen(engine):
    state = engine.index.state
    return tuple(e.text for e in state.entry("north").category.examples), state.decision


def test_a_reader_during_a_thousand_replaced_examples_sees_two_states(compass):
    engine = Engine.build({"north": ["80"], "south": ["270"], "east": ["0"]}, encoder=compass)
    states, scores, started, done = set(), set(), threading.Event(), threading.Event()
    expected_states, expected_scores = set(), set()
    for old, new in (("80", "100"), ("100", "80")):
        engine.replace_example("north", old, new)
        expected_states.add(seen(engine))
        expected_scores.add(engine.classify(["85"])[0].score)

    def read():
        while not done.is_set():
            states.add(seen(engine))
            scores.add(engine.classify(["85"])[0].score)
            started.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert started.wait(60)
    for i in range(ROUNDS):
        old, new = ("80", "100") if i % 2 == 0 else ("100", "80")
        engine.replace_example("north", old, new)
    done.set()
    reader.join()
    assert len(expected_states) == len(expected_scores) == 2
    assert states <= expected_states
    assert scores <= expected_scores


def test_each_edit_is_committed_once(compass, monkeypatch):
    engine = Engine.build({"north": ["80"], "south": ["270"]}, encoder=compass)
    commits, commit = [], engine.index.commit
    monkeypatch.setattr(engine.index, "commit", lambda s: commits.append(s) or commit(s))
    edits = [
        lambda: engine.add_example("north", "95"),
        lambda: engine.replace_example("north", "95", "96"),
        lambda: engine.correct("97", "north"),
        lambda: engine.correct_all(["98", "200"], ["north", None]),
        lambda: engine.remove_out_of_scope("200"),
        lambda: engine.set_threshold(0.5),
        lambda: engine.rename("north", "up"),
        lambda: engine.merge(["south"], into="up"),
    ]
    for n, edit in enumerate(edits, start=1):
        edit()
        assert len(commits) == n


def test_two_writers_lose_no_edit(compass):
    engine = Engine.build({"north": ["80"]}, encoder=compass)

    def add(first):
        for i in range(first, first + 50):
            engine.add_example("north", str(i))

    writers = [threading.Thread(target=add, args=(first,)) for first in (81, 131)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    texts = {example.text for example in engine.category("north").examples}
    assert texts == {str(i) for i in range(80, 181)}

import itertools
import pickle
import threading

import numpy as np
import pytest
from edits import EditedIndex

from textshot.engine import Engine
from textshot.errors import InvalidCategoriesError, InvalidTextsError
from textshot.index import Index
from textshot.testing import HashingEncoder, toy_categories, toy_engine
from textshot.types import Category, Example

DEGREES = {"east": 0, "near east": 20, "north": 90}


@pytest.fixture
def compass(at):
    """Three categories with a name only: at 0, 20 and 90 degrees."""
    index = EditedIndex(2)
    index.add([Category(name) for name in DEGREES], at(*DEGREES.values()))
    return index


def keys_of(index):
    return {e.category.name: e.vectors.tobytes() for e in index.state.entries}


def texts_of(index, name):
    return [example.text for example in index.state.entry(name).category.examples]


def degrees_of(index, name):
    x, y = index.state.entry(name).prototype.astype(np.float64)
    return float(np.degrees(np.arctan2(y, x)))


# What a search gives


def test_the_nearest_category_is_found_by_its_angle(compass, at):
    scores, rows = compass.search(at(12), k=2)
    assert [compass.labels[row] for row in rows[0]] == ["near east", "east"]
    np.testing.assert_allclose(scores[0], np.cos(np.radians([8, 12])), atol=1e-6)


def test_queries_are_scaled_to_unit_rows(compass):
    scores, rows = compass.search([[0, 25.0]])
    assert (scores.tolist(), rows.tolist()) == ([[1.0]], [[2]])


def test_k_above_the_size_gives_all(compass, at):
    scores, rows = compass.search(at(0), k=99)
    assert rows.tolist() == [[0, 1, 2]]
    assert scores.shape == (1, 3)


def test_k_below_one_is_refused(compass, at):
    with pytest.raises(InvalidTextsError, match="k is 0; at least 1"):
        compass.search(at(0), k=0)


def test_queries_of_another_width_are_refused_with_both_numbers(compass):
    with pytest.raises(InvalidTextsError, match="vectors have 3 dimensions, the index has 2"):
        compass.search([[1, 0, 0]])


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([[0, 0]], "vector 0 is all zeros"),
        ([[1, 0], [np.nan, 1]], "vector 1 holds a value that is not finite"),
        ([1, 0], r"vectors have shape \(2,\)"),
    ],
)
def test_queries_without_direction_are_refused(compass, queries, message):
    with pytest.raises(InvalidTextsError, match=message):
        compass.search(queries)


def test_an_empty_index_finds_nothing(at):
    scores, rows = EditedIndex(2).search(at(0, 90), k=3)
    assert scores.shape == rows.shape == (2, 0)


def test_one_category_is_always_the_nearest(at):
    index = EditedIndex(2)
    index.add([Category("only")], at(0))
    scores, rows = index.search(at(180), k=2)
    assert (scores.tolist(), rows.tolist()) == ([[-1.0]], [[0]])


def test_an_index_has_at_least_one_dimension():
    with pytest.raises(InvalidCategoriesError, match="dim is 0"):
        EditedIndex(0)


# Changes


def test_categories_are_sorted_whatever_order_they_came_in(compass):
    assert compass.labels == ("east", "near east", "north")
    assert [c.name for c in compass.categories] == ["east", "near east", "north"]
    assert (len(compass), compass.dim, compass.state.use_names) == (3, 2, True)


def test_a_category_stands_at_the_mean_of_its_keys(compass, at):
    compass.add([Category("west", examples=["go west"])], at(170, 190))
    assert degrees_of(compass, "west") == pytest.approx(180, abs=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda i, at: i.add([Category("a", examples=["x"]), Category("zz")], at(5, 6, 7)),
        lambda i, at: i.remove(["north"]),
        lambda i, at: i.rename("north", "a", at(45)[0]),
        lambda i, at: i.merge(["north"], into="south"),
        lambda i, at: i.replace(Category("north", examples=["x", "y"]), at(1, 2, 3)),
        lambda i, at: i.add_example("north", Example("x"), at(80)[0]),
        lambda i, at: i.remove_example("south", "down"),
    ],
    ids=["add", "remove", "rename", "merge", "replace", "add_example", "remove_example"],
)
def test_a_change_leaves_the_keys_of_all_others_bit_for_bit(compass, at, change):
    compass.add([Category("south", examples=["down", "below"])], at(270, 271, 275))
    before = keys_of(compass)
    change(compass, at)
    after = keys_of(compass)
    untouched = {"east", "near east"}
    assert {n: after[n] for n in untouched} == {n: before[n] for n in untouched}
    assert after != before


def test_what_is_removed_is_gone(compass, at):
    compass.remove(["near east"])
    assert compass.labels == ("east", "north")
    assert at(20).tobytes() not in compass.state.vectors.tobytes()
    assert at(20).tobytes() not in compass.state.key_vectors.tobytes()
    scores, rows = compass.search(at(20), k=3)
    assert [compass.labels[row] for row in rows[0]] == ["east", "north"]
    assert scores.max() < 0.95


def test_all_can_be_removed_and_new_ones_added(compass, at):
    compass.remove(compass.labels)
    assert compass.labels == ()
    compass.add([Category("again")], at(0))
    assert compass.labels == ("again",)


def test_removing_nothing_changes_nothing(compass):
    before = keys_of(compass)
    compass.remove([])
    compass.add([], [])
    assert keys_of(compass) == before


def test_a_new_name_comes_with_its_own_key_and_keeps_the_examples(compass, at):
    compass.add([Category("west", examples=["go west"])], at(170, 190))
    compass.rename("west", "sunset", at(150)[0])
    assert compass.labels == ("east", "near east", "north", "sunset")
    assert texts_of(compass, "sunset") == ["go west"]
    np.testing.assert_array_equal(compass.entry("sunset").vectors, at(150, 190))


def test_opaque_names_need_no_vector_to_be_renamed(at):
    index = EditedIndex(2, use_names=False)
    index.add([Category("c1", examples=["one"])], at(30))
    index.rename("c1", "c2")
    assert index.labels == ("c2",)
    np.testing.assert_array_equal(index.state.entry("c2").vectors, at(30))


def test_renaming_needs_the_vector_where_names_are_keys(compass):
    with pytest.raises(InvalidCategoriesError, match="give the vector of 'up'"):
        compass.rename("north", "up")


def test_a_category_can_be_renamed_to_itself(compass, at):
    compass.rename("north", "north", at(91)[0])
    assert degrees_of(compass, "north") == pytest.approx(91, abs=1e-4)


def test_merging_moves_examples_and_keeps_a_shared_one_once(compass, at):
    compass.add([Category("a", examples=["both", "only a"])], at(100, 110, 120))
    compass.add(
        [Category("b", description="a b", examples=["only b", "both"])], at(130, 140, 150, 160)
    )
    compass.merge(["b", "a", "b"], into="a")
    assert "b" not in compass.labels
    assert texts_of(compass, "a") == ["both", "only a", "only b"]
    np.testing.assert_array_equal(compass.entry("a").vectors, at(100, 110, 120, 150))


def test_merging_a_category_into_itself_is_refused(compass):
    with pytest.raises(InvalidCategoriesError, match="nothing to merge into 'east'"):
        compass.merge(["east"], into="east")


def test_replacing_puts_all_of_a_category_anew(compass, at):
    compass.replace(Category("north", examples=["up"]), at(80, 100))
    assert texts_of(compass, "north") == ["up"]
    assert degrees_of(compass, "north") == pytest.approx(90, abs=1e-4)


def test_an_example_moves_the_category_towards_it_and_back(compass, at):
    before = keys_of(compass)
    compass.add_example("north", Example("nearly", "correction"), at(70)[0])
    assert degrees_of(compass, "north") == pytest.approx(80, abs=1e-4)
    assert compass.entry("north").category.examples == (Example("nearly", "correction"),)
    compass.remove_example("north", "nearly")
    assert keys_of(compass) == before


def test_an_example_given_again_is_not_doubled(compass, at):
    compass.add_example("north", Example("up"), at(80)[0])
    compass.add_example("north", Example("up", "correction"), at(85)[0])
    assert compass.entry("north").category.examples == (Example("up", "correction"),)
    np.testing.assert_array_equal(compass.entry("north").vectors, at(90, 85))


def test_an_example_with_the_text_of_the_description_is_another_key(compass, at):
    compass.add([Category("west", "go", (Example("go"),))], at(180, 170, 170))
    compass.remove_example("west", "go")
    np.testing.assert_array_equal(compass.entry("west").vectors, at(180, 170))


# What is refused, with nothing changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, at: i.add([Category("north")], at(1)), "'north' is there already"),
        (lambda i, at: i.add([Category("x"), Category("x")], at(1, 2)), "'x' is given twice"),
        (lambda i, at: i.add([Category("x")], at(1, 2)), r"have 1 keys .* shape \(2, 2\)"),
        (lambda i, at: i.add([Category("x")], [[1, 0, 0]]), r"of 2 dimensions; .*\(1, 3\)"),
        (
            lambda i, at: i.add([Category("x", examples=["y"])], at(1)),
            r"have 2 keys .* shape \(1, 2\)",
        ),
        (lambda i, at: i.rename("east", "north", at(1)[0]), "'north' is there already"),
        (lambda i, at: i.rename("east", "x", [1, 0, 0]), r"shape \(3,\); \(2,\) is needed"),
        (lambda i, at: i.rename("east", "x", 1), r"shape \(\); \(2,\) is needed"),
        (lambda i, at: i.rename("east", "unknown", at(1)[0]), "cannot be called 'unknown'"),
        (lambda i, at: i.add_example("east", Example("x"), [1]), r"shape \(1,\); \(2,\)"),
        (lambda i, at: i.add_example("east", Example("x"), at(1)), r"shape \(1, 2\); \(2,\)"),
        (lambda i, at: i.add_example("east", Example("x"), at(180)[0]), "cancel out"),
        (lambda i, at: i.remove_example("east", "x"), "no such example among its 0"),
        (lambda i, at: i.remove(["east", "west"]), "no category 'west' among the 3"),
        (lambda i, at: i.replace(Category("west"), at(1)), "no category 'west'"),
        (lambda i, at: i.merge(["east", "west"], into="north"), "no category 'west'"),
        (lambda i, at: i.merge(["east"], into="west"), "no category 'west'"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_nothing_changes(compass, at, change, message):
    before = compass.state
    with pytest.raises(InvalidCategoriesError, match=message):
        change(compass, at)
    assert compass.state is before


def test_a_vector_of_zeros_is_refused(compass):
    with pytest.raises(InvalidTextsError, match="all zeros and has no direction"):
        compass.add_example("east", Example("x"), [0, 0])


def test_a_misspelt_name_is_answered_with_the_nearest(compass):
    with pytest.raises(InvalidCategoriesError, match=r"'nroth' .*; did you mean 'north'\?"):
        compass.entry("nroth")
    with pytest.raises(InvalidCategoriesError, match="no category 'qqqq' among the 3 of this"):
        compass.entry("qqqq")


def test_an_example_of_a_private_index_cannot_be_found_by_its_text(compass, at):
    compass.add_example("east", Example(None), at(1)[0])
    compass.set(private=True)
    with pytest.raises(InvalidCategoriesError, match="the index is private: texts are not kept"):
        compass.remove_example("east", "x")


@pytest.mark.parametrize("name", ["日本", "a/b", "../up", "C:\\x", "a\u2028b", "🎉", "-", "%s"])
def test_any_printable_name_is_a_name(at, tmp_path, name):
    index = EditedIndex(2)
    index.add([Category(name)], at(0))
    index.save(tmp_path / "index")
    assert Index.load(tmp_path / "index").labels == (name,)
    index.remove([name])
    assert index.labels == ()


# The order in which categories come


def build(categories):
    return Engine.build(categories, encoder=HashingEncoder(), threshold="auto")


def one_after_another(categories):
    engine = Engine.build([], encoder=HashingEncoder(), threshold="auto")
    for category in categories:
        engine.add([category])
    return engine


def test_the_order_of_adding_changes_no_bit_and_no_file_name(tmp_path, contents):
    texts = ["where is my parcel", "password", "open on sundays?"]
    first = build(toy_categories())
    first.save(tmp_path / "0")
    orders = itertools.islice(itertools.permutations(toy_categories()), 0, 120, 13)
    for n, (make, order) in enumerate(itertools.product((build, one_after_another), orders), 1):
        engine = make(order)
        assert contents(engine.index.state) == contents(first.index.state)
        assert engine.index.state.vectors.tobytes() == first.index.state.vectors.tobytes()
        assert engine.classify(texts) == first.classify(texts)
        engine.save(tmp_path / str(n))
        names = {p.name for p in (tmp_path / str(n)).iterdir()}
        assert names == {p.name for p in (tmp_path / "0").iterdir()}


def test_going_away_and_back_changes_no_bit(contents):
    engine = toy_engine(threshold="auto")
    before = contents(engine.index.state)
    engine.add([Category("extra", examples=["something else"])])
    engine.add_example("late parcel", "still waiting")
    engine.rename("refund request", "money back")
    assert contents(engine.index.state) != before
    engine.rename("money back", "refund request")
    engine.remove_example("late parcel", "still waiting")
    engine.remove("extra")
    assert contents(engine.index.state) == before


# Threads and processes


def test_readers_beside_a_writer_see_labels_and_vectors_of_one_state(at):
    index = EditedIndex(2)
    angles = {f"c{i:03d}": i for i in range(100)}
    first, later = list(angles)[:50], list(angles)[50:]
    index.add([Category(n) for n in first], at(*[angles[n] for n in first]))
    done, wrong, n_reads = threading.Event(), [], threading.Semaphore(0)

    def read():
        while not done.is_set():
            state = index.state
            right = at(*[angles[name] for name in state.labels])
            nearest = state.search.search(at(25), 3)[1][0].tolist()
            if not np.array_equal(state.vectors, right) or sorted(nearest) != [24, 25, 26]:
                wrong.append(state.labels)
            n_reads.release()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for thread in readers:
        thread.start()
    for _ in range(5):
        for name in later:
            index.add([Category(name)], at(angles[name]))
        assert n_reads.acquire(timeout=60)  # at least one read for each round
        index.remove(later)
    done.set()
    for thread in readers:
        thread.join()
    assert not wrong


def test_changes_from_several_threads_are_not_lost(at):
    index = EditedIndex(2)

    def add(first):
        for i in range(first, first + 25):
            index.add([Category(f"c{i}")], at(i))

    threads = [threading.Thread(target=add, args=(n * 25,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(index.labels) == sorted(f"c{i}" for i in range(100))


def test_a_pickled_index_is_the_same_without_its_faiss_object(contents, tmp_path):
    engine = toy_engine(threshold="auto")
    texts = ["where is my parcel", "qqq"]
    expected = engine.classify(texts)  # makes the FAISS object
    engine.save(tmp_path / "index")
    data = pickle.dumps(engine.index)
    assert b"faiss" not in data.lower()
    copy = pickle.loads(data)
    assert contents(copy.state) == contents(engine.index.state)
    assert (copy.generation, copy.path) == (1, tmp_path / "index")
    again = Engine(HashingEncoder(), copy)
    assert again.classify(texts) == expected
    again.add([Category("extra", examples=["x"])])  # has a lock of its own
    assert again.save(tmp_path / "index") == 2


def test_an_example_is_replaced_and_the_other_keys_stay():
    index = EditedIndex(2, use_names=False)
    index.add([Category("a", examples=["one", "two"])], [[1, 0], [0, 1]])
    index.replace_example("a", "two", Example("three"), [0.6, 0.8])
    entry = index.state.entry("a")
    assert [e.text for e in entry.category.examples] == ["one", "three"]
    np.testing.assert_array_equal(entry.vectors, np.float32([[1, 0], [0.6, 0.8]]))
    with pytest.raises(InvalidCategoriesError, match="no such example among its 2"):
        index.replace_example("a", "four", Example("five"), [1, 0])


def test_changes_from_several_threads_all_arrive():
    index = EditedIndex(2, use_names=False)
    index.add([Category("a", examples=["start"])], [[1, 0]])

    def add(thread):
        for i in range(25):
            index.add_example("a", Example(f"{thread} {i}"), [1, i])

    threads = [threading.Thread(target=add, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(index.state.entry("a").keys) == 101

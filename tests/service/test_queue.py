"""The order in which texts of several requests are encoded."""

from textshot.service.queue import FairQueue


def order(*requests: tuple[str, list[int]]) -> list[str]:
    queue = FairQueue[str]()
    for name, tokens in requests:
        queue.put(name, tokens)
    return [queue.pop()[0] for _ in range(len(queue))]


def test_equal_requests_take_turns():
    assert "".join(order(("a", [5, 5, 5]), ("b", [5, 5, 5]))) == "ababab"


def test_a_short_request_passes_the_many_texts_of_a_long_one():
    assert "".join(order(("a", [10] * 5), ("b", [1]))) == "baaaaa"


def test_each_request_gets_the_same_number_of_tokens():
    # While both wait: ten texts of a of one token for each text of b of ten.
    found = "".join(order(("a", [1] * 20), ("b", [10, 10])))
    assert found.index("b") == 10
    assert found.count("a") == 20


def test_who_comes_later_does_not_catch_up_on_what_was_encoded_before():
    queue = FairQueue[str]()
    queue.put("a", [10] * 4)
    assert [queue.pop()[0] for _ in range(2)] == ["a", "a"]
    queue.put("b", [10] * 2)
    assert [queue.pop()[0] for _ in range(4)] == ["a", "b", "a", "b"]


def test_a_long_request_is_not_starved_by_many_short_ones():
    queue = FairQueue[str]()
    queue.put("long", [10, 10])
    places = []
    for i in range(30):  # a short one comes for each that goes
        queue.put(f"short {i}", [2])
        places.append(queue.pop()[0])
    assert places.count("long") == 2


def test_places_of_a_request_come_in_their_order():
    queue = FairQueue[str]()
    queue.put("a", [3, 1, 2])
    assert [queue.pop() for _ in range(3)] == [("a", 0), ("a", 1), ("a", 2)]
    assert len(queue) == 0

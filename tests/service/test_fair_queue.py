"""The order in which the texts of several requests are encoded."""

from typing import NamedTuple

from textshot.service.batcher import FairQueue


class Request(NamedTuple):
    name: str
    tokens: list[int]


def popped(queue: FairQueue, n: int) -> str:
    return "".join(queue.pop()[0].name for _ in range(n))


def order(*requests: Request) -> str:
    queue = FairQueue()
    for request in requests:
        queue.put(request)
    return popped(queue, len(queue))


def test_equal_requests_take_turns():
    assert order(Request("a", [5, 5, 5]), Request("b", [5, 5, 5])) == "ababab"


def test_a_short_request_overtakes_the_many_texts_of_a_long_one():
    assert order(Request("a", [10] * 5), Request("b", [1])) == "baaaaa"


def test_each_request_gets_the_same_number_of_tokens():
    # While both wait: ten texts of a of one token for each text of b of ten.
    names = order(Request("a", [1] * 20), Request("b", [10, 10]))
    assert names.index("b") == 10
    assert names.count("a") == 20


def test_a_later_request_does_not_catch_up_on_what_was_encoded_before():
    queue = FairQueue()
    queue.put(Request("a", [10] * 4))
    assert popped(queue, 2) == "aa"
    queue.put(Request("b", [10] * 2))
    assert popped(queue, 4) == "abab"


def test_many_short_requests_do_not_starve_a_long_one():
    queue = FairQueue()
    queue.put(Request("l", [10, 10]))
    names = ""
    for _ in range(30):  # a short one arrives for each text that is encoded
        queue.put(Request("s", [2]))
        names += popped(queue, 1)
    assert names.count("l") == 2


def test_texts_of_a_request_keep_their_order():
    queue = FairQueue()
    request = Request("a", [3, 1, 2])
    queue.put(request)
    assert [queue.pop() for _ in range(3)] == [(request, 0), (request, 1), (request, 2)]
    assert len(queue) == 0

"""A damaged index is refused, or it answers as before to the bit; never anything else."""

import os
import random
import shutil
import socket
import time

import pytest

from textshot.engine import Engine
from textshot.errors import IndexFormatError, IndexNotFoundError
from textshot.index import Index
from textshot.networks import Matching
from textshot.testing import HashingEncoder, toy_categories

ENCODER = HashingEncoder(dim=16)
TEXTS = ["where is my parcel", "I want my money", "log in", "Saturday", "the moon", "apply", ""]
REFUSED = "refused"


@pytest.fixture
def small(tmp_path):
    Engine.build(toy_categories(), encoder=ENCODER).save(tmp_path / "index")
    return tmp_path / "index"


def answers(folder):
    """Everything the index says about some texts, or that it cannot be loaded."""
    try:
        index = Index.load(folder)
    except (IndexFormatError, IndexNotFoundError):
        return REFUSED
    return index.state.encoder.fingerprint, Engine(ENCODER, index).classify(TEXTS)


def file_of(folder, role):
    return folder / "index.json" if role == "index" else next(folder.glob(f"{role}-*"))


def outcomes(path, versions):
    """The different answers with each of these contents in the place of a file's own."""
    before = path.read_bytes()
    found = []
    for data in versions:
        path.write_bytes(data)
        answer = answers(path.parent)
        if answer not in found:
            found.append(answer)
    path.write_bytes(before)
    return found


def changed(data, place, mask):
    return data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def assert_refused_or_right(found, right):
    assert REFUSED in found
    assert [answer for answer in found if answer not in (REFUSED, right)] == []


def test_the_texts_of_these_tests_have_answers_of_both_kinds(small):
    labels = {prediction.label for prediction in answers(small)[1]}
    assert None in labels
    assert len(labels) > 3


def every_byte(path, masks):
    data = path.read_bytes()
    return (changed(data, i, mask) for i in range(len(data)) for mask in masks)


def test_every_changed_byte_of_the_manifest_is_refused_or_changes_nothing(small):
    path, right = small / "index.json", answers(small)
    assert_refused_or_right(outcomes(path, every_byte(path, (0x01, 0x20, 0x80))), right)


@pytest.mark.slow
def test_every_other_value_of_every_byte_of_the_manifest_is_refused_or_changes_nothing(small):
    path, right = small / "index.json", answers(small)
    assert_refused_or_right(outcomes(path, every_byte(path, range(1, 256))), right)


@pytest.mark.parametrize("role", ["vectors", "categories"])
@pytest.mark.parametrize("flips", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_flipped_bit_in_a_file_is_refused(small, role, flips):
    path, rng = file_of(small, role), random.Random(flips)
    data = path.read_bytes()
    bits = (rng.randrange(8 * len(data)) for _ in range(flips))
    versions = (changed(data, bit // 8, 1 << bit % 8) for bit in bits)
    assert outcomes(path, versions) == [REFUSED]


@pytest.mark.parametrize("role", ["index", "vectors", "categories"])
def test_a_file_cut_at_any_length_is_refused_or_changes_nothing(small, role):
    path, right = file_of(small, role), answers(small)
    data = path.read_bytes()
    found = outcomes(path, (data[:n] for n in range(len(data))))
    assert_refused_or_right(found, right)
    if role != "index":  # the manifest can lose its last line break
        assert found == [REFUSED]


@pytest.mark.parametrize("role", ["index", "vectors", "categories"])
def test_a_file_with_more_at_its_end_is_refused_or_changes_nothing(small, role):
    path = file_of(small, role)
    data, right = path.read_bytes(), answers(small)
    assert outcomes(path, [data + b"\0", data + b"{}", data * 2]) == [REFUSED]
    assert (answers(small), outcomes(small / "index.json", [b"", data[::-1]])) == (right, [REFUSED])


def test_damage_to_the_copies_for_rollback_changes_no_answer(small):
    right = answers(small)
    assert outcomes(small / "generation-000001.json", [b"", b"{}", b"\xff" * 99]) == [right]


@pytest.mark.parametrize("role", ["vectors", "categories"])
def test_a_deleted_file_is_named(small, role):
    path = file_of(small, role)
    path.unlink()
    with pytest.raises(IndexFormatError, match=f"{path.name} is missing; the index is damaged"):
        Index.load(small)


def test_without_its_manifest_an_index_is_not_there(small):
    (small / "index.json").unlink()
    with pytest.raises(IndexNotFoundError, match="there is no index at"):
        Index.load(small)


def put_pipe(path):
    os.mkfifo(path)


def put_link(path):
    shutil.copy(path.with_name("copy"), path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def put_dangling_link(path):
    path.symlink_to(path.with_name("nowhere"))


def put_folder(path):
    path.mkdir()


def put_device(path):
    path.symlink_to("/dev/zero")


def put_socket(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


PUTS = [put_pipe, put_link, put_dangling_link, put_folder, put_device, put_socket]


@pytest.mark.parametrize("role", ["index", "vectors", "categories"])
@pytest.mark.parametrize("put", PUTS)
def test_what_is_not_a_plain_file_is_refused_at_once(small, role, put, monkeypatch):
    path = file_of(small, role)
    shutil.copy(path, path.with_name("copy"))
    path.unlink()
    monkeypatch.chdir(small)  # the name of a socket has to be short
    put(path.relative_to(small))
    begin = time.perf_counter()
    with pytest.raises(
        IndexFormatError, match=r"is not a plain file|cannot be read|is a symbolic link"
    ):
        Index.load(small)
    assert time.perf_counter() - begin < 30  # none of them is waited for


def test_a_folder_that_is_a_link_to_an_index_is_fine(small, tmp_path):
    (tmp_path / "link").symlink_to(small)
    assert answers(tmp_path / "link") == answers(small)


def test_files_of_two_indexes_do_not_mix(small, tmp_path):
    other = [c for c in toy_categories() if c.name != "late parcel"]
    Engine.build(other, encoder=ENCODER).save(tmp_path / "other")
    for role in ("vectors", "categories"):
        before = file_of(small, role).read_bytes()
        shutil.copy(file_of(tmp_path / "other", role), file_of(small, role))
        assert answers(small) == REFUSED
        file_of(small, role).write_bytes(before)
    shutil.copy(tmp_path / "other" / "index.json", small / "index.json")
    assert answers(small) == REFUSED


# An index whose network learned something, and that was corrected


@pytest.fixture
def networked(tmp_path):
    network = Matching()
    network = network.with_parameters(
        {**network.initial_parameters(16, 5), "kind_bias": [0.5, 0.0, -0.5]}
    )
    engine = Engine.build(toy_categories(), encoder=ENCODER, network=network)
    engine.correct("where is my parcel", "opening hours")
    engine.save(tmp_path / "networked")
    return tmp_path / "networked"


def test_every_changed_byte_of_the_network_is_refused(networked):
    assert answers(networked)[1][0].label == "opening hours"
    path = file_of(networked, "network")
    assert outcomes(path, every_byte(path, (0x01, 0x20, 0x80))) == [REFUSED]


def test_a_network_cut_at_any_length_is_refused(networked):
    path = file_of(networked, "network")
    data = path.read_bytes()
    assert outcomes(path, [*(data[:n] for n in range(len(data))), data + b"\0"]) == [REFUSED]


def test_every_changed_byte_of_its_manifest_is_refused_or_changes_nothing(networked):
    path, right = networked / "index.json", answers(networked)
    assert_refused_or_right(outcomes(path, every_byte(path, (0x01,))), right)


@pytest.mark.parametrize("put", PUTS)
def test_a_network_that_is_not_a_plain_file_is_refused_at_once(networked, put, monkeypatch):
    test_what_is_not_a_plain_file_is_refused_at_once(networked, "network", put, monkeypatch)


def test_a_deleted_network_is_named(networked):
    test_a_deleted_file_is_named(networked, "network")


def test_the_network_of_another_index_does_not_fit(networked, tmp_path):
    other = Matching().with_parameters(Matching().initial_parameters(16, 5))
    Engine.build(toy_categories(), encoder=ENCODER, network=other).save(tmp_path / "other")
    shutil.copy(file_of(tmp_path / "other", "network"), file_of(networked, "network"))
    assert answers(networked) == REFUSED


# An index that knows texts that fit nothing


@pytest.fixture
def unfit(tmp_path):
    engine = Engine.build(toy_categories(), encoder=ENCODER)
    engine.correct_all(["where is my parcel", "the moon"], ["unknown", "opening hours"])
    engine.save(tmp_path / "unfit")
    return tmp_path / "unfit"


def test_every_changed_byte_of_the_out_of_scope_texts_is_refused(unfit):
    assert answers(unfit)[1][0].label is None
    path = file_of(unfit, "nothing")
    assert outcomes(path, every_byte(path, (0x01, 0x20, 0x80))) == [REFUSED]


def test_out_of_scope_texts_cut_at_any_length_or_longer_are_refused(unfit):
    path = file_of(unfit, "nothing")
    data = path.read_bytes()
    versions = [*(data[:n] for n in range(len(data))), data + b"\0", data * 2]
    assert outcomes(path, versions) == [REFUSED]


@pytest.mark.parametrize("put", PUTS)
def test_a_special_file_of_out_of_scope_texts_is_refused_at_once(unfit, put, monkeypatch):
    test_what_is_not_a_plain_file_is_refused_at_once(unfit, "nothing", put, monkeypatch)


def test_a_deleted_file_of_out_of_scope_texts_is_named(unfit):
    test_a_deleted_file_is_named(unfit, "nothing")


def test_the_out_of_scope_texts_of_another_index_do_not_fit(unfit, tmp_path):
    engine = Engine.build(toy_categories(), encoder=ENCODER)
    engine.add_out_of_scope(["another"])
    engine.save(tmp_path / "other")
    for role in ("nothing", "vectors"):
        before = file_of(unfit, role).read_bytes()
        shutil.copy(file_of(tmp_path / "other", role), file_of(unfit, role))
        assert answers(unfit) == REFUSED
        file_of(unfit, role).write_bytes(before)
    assert answers(unfit) != REFUSED

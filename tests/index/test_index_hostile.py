"""Indexes that somebody made by hand: every checksum is right, only the contents are not."""

import copy
import hashlib
import json
import re
import struct

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from two_topics import ENCODER, two_topic_categories

from textshot.engine import Engine
from textshot.errors import IndexFormatError
from textshot.index import Index
from textshot.index.disk import manifest
from textshot.index.disk.manifest import seal
from textshot.networks import Matching
from textshot.scoring.name_weight import NameWeight
from textshot.testing import HashingEncoder, toy_categories


class Bundle:
    """An index on disk that can be changed and sealed again."""

    def __init__(self, folder):
        self.folder = folder
        self.manifest = json.loads((folder / "index.json").read_bytes())

    def data(self, role):
        return (self.folder / self.manifest["files"][role]["name"]).read_bytes()

    def put(self, role, data):
        """Put a file in the place of another, with its right name, size and checksum."""
        digest = hashlib.sha256(data).hexdigest()
        ending = "jsonl" if role in ("categories", "nothing") else "safetensors"
        entry = {"name": f"{role}-{digest[:8]}.{ending}", "size": len(data), "sha256": digest}
        (self.folder / entry["name"]).write_bytes(data)
        self.manifest["files"][role] = entry
        self.seal()

    def seal(self):
        (self.folder / "index.json").write_bytes(seal(self.manifest))

    def lines(self):
        return [json.loads(line) for line in self.data("categories").split(b"\n")[:-1]]

    def put_lines(self, lines):
        self.put("categories", "".join(json.dumps(line) + "\n" for line in lines).encode())

    def tensors(self, role="vectors"):
        return load_tensors(self.data(role))


@pytest.fixture
def bundle(tmp_path):
    engine = Engine.build(toy_categories(), encoder=HashingEncoder(dim=16))
    engine.save(tmp_path / "index")
    return Bundle(tmp_path / "index")


def refused(bundle, match):
    with pytest.raises(IndexFormatError, match=match):
        Index.load(bundle.folder)


def test_sealed_again_without_a_change_it_opens(bundle):
    bundle.put_lines(bundle.lines())
    bundle.put("vectors", save_tensors(bundle.tensors()))
    assert len(Index.load(bundle.folder)) == 5


# The manifest

MEMBERS = [
    ("format", "other-index", "is not the manifest of a textshot index"),
    ("format_version", 2, r"needs format 2 .* reads format 1\. Upgrade textshot \(made with"),
    ("format_version", 10**400, "Upgrade textshot"),
    ("format_version", 0, "version 0, which never existed"),
    ("format_version", -1, "version -1, which never existed"),
    ("format_version", True, "version True, which never existed"),
    ("format_version", 1.0, "version 1.0, which never existed"),
    ("format_version", "1", "version '1', which never existed"),
    ("format_version", None, "version None, which never existed"),
    ("requires", ["networks"], r"with \['networks'\]; .* Upgrade textshot"),
    ("requires", {"a": 1}, "Upgrade textshot"),
    ("requires", ["network", "network"], "Upgrade textshot"),
    ("requires", ["network", "more"], r"with \['network', 'more'\]; .* Upgrade textshot"),
    ("requires", "network", "Upgrade textshot"),
    ("requires", ["network", "fusion"], "Upgrade textshot"),
    ("requires", ["fusion", "fusion"], "Upgrade textshot"),
    ("requires", ["fusion", "more"], r"with \['fusion', 'more'\]; .* Upgrade textshot"),
    ("requires", "fusion", "Upgrade textshot"),
    ("requires", ["fusion", "network"], "network is None, which cannot be"),
    ("network", {"name": "siamese", "settings": {}}, "network is {'name': 'siamese'"),
    ("network", [], r"network is \[\], which cannot be"),
    ("metric", "euclidean", "the metric is not known"),
    ("generation", 0, "not in its range"),
    ("generation", -5, "not in its range"),
    ("generation", 10**4000, "not in its range"),
    ("generation", True, "generation is True"),
    ("generation", "1", "generation is '1'"),
    ("generation", 1.5, "generation is 1.5"),
    ("created", None, "created is None"),
    ("dim", 0, "not in its range"),
    ("dim", -16, "not in its range"),
    ("dim", 10**12, "is needed"),
    ("dim", 10**4000, "is needed"),
    ("dim", 16.0, "dim is 16.0"),
    ("dim", 8, "is needed"),
    ("categories", 10**12, "is needed"),
    ("categories", 4, "is needed"),
    ("categories", -1, "is needed"),
    ("keys", 10**12, "is needed"),
    ("keys", 9, "is needed"),
    ("private", "no", "private is 'no'"),
    ("private", 0, "private is 0"),
    ("fusion", [], r"fusion is \[\]"),
    ("fusion", None, "fusion is None"),
    ("encoder", [], r"encoder is \[\]"),
    ("encoder", {}, "decision or encoder is not valid"),
    ("encoder", {"fingerprint": 1, "spec": {}}, "decision or encoder is not valid"),
    ("encoder", {"fingerprint": "x", "spec": []}, "decision or encoder is not valid"),
    ("encoder", {"fingerprint": "x", "spec": {"name": ["x"]}}, "or encoder is not valid"),
    ("decision", "always", "decision is 'always'"),
    ("decision", {}, "decision or encoder is not valid"),
    ("decision", {"command": "rm"}, "decision or encoder is not valid"),
    ("files", {}, r"files are \[\]"),
    ("files", [], r"files is \[\]"),
]


@pytest.mark.parametrize(("member", "value", "match"), MEMBERS, ids=range(len(MEMBERS)))
def test_a_manifest_with_a_member_that_cannot_be_is_refused(bundle, member, value, match):
    bundle.manifest[member] = value
    bundle.seal()
    refused(bundle, match)


WEIGHED = {"rule": "weighed names", "names": True, "name_shots": 0.5, "evidence": 1.25}
MEAN = {"rule": "mean", "names": True}
FUSIONS = [
    (["fusion"], {}, "the fusion rule is not known"),
    (["fusion"], WEIGHED | {"rule": "median"}, "the fusion rule is not known"),
    (["fusion"], WEIGHED | {"rule": ["weighed names"]}, "the fusion rule is not known"),
    (["fusion"], WEIGHED | {"rule": None}, "the fusion rule is not known"),
    (
        ["fusion"],
        {"rule": "weighed names", "names": True, "name_shots": 0.5},
        "name_shots 0.5 or evidence 'missing' cannot be",
    ),
    # What a reader must know, and the rule, say the same.
    (["fusion"], MEAN, "the fusion rule is not known"),
    ([], WEIGHED, "the fusion rule is not known"),
    (None, WEIGHED, "the fusion rule is not known"),
    ([], MEAN | {"rule": "median"}, "the fusion rule is not known"),
    ([], MEAN | {"names": 1}, "fusion.names is not true or false"),
    ([], MEAN | {"names": None}, "fusion.names is not true or false"),
    ([], MEAN | {"names": False}, "do not belong together"),
    (["fusion"], WEIGHED | {"names": 1}, "fusion.names is not true or false"),
    (["fusion"], WEIGHED | {"names": "yes"}, "fusion.names is not true or false"),
    # There is nothing to weigh.
    (["fusion"], WEIGHED | {"names": False}, "name_shots 0.5 or evidence 1.25 cannot be"),
    (["fusion"], {"rule": "weighed names", "names": True}, "name_shots None or"),
    *(
        (["fusion"], WEIGHED | {"name_shots": value}, f"name_shots {shown} or evidence 1.25 cannot")
        for value, shown in [
            (0, "0"),
            (0.0, "0.0"),
            (-1, "-1"),
            (-0.5, "-0.5"),
            (True, "True"),
            ("1", "'1'"),
            (None, "None"),
            ([1.0], r"\[1.0\]"),
            (1e9, "1000000000.0"),
            (1000.5, "1000.5"),
            (10**400, "10{400}"),
        ]
    ),
    *(
        (["fusion"], WEIGHED | {"evidence": value}, f"name_shots 0.5 or evidence {shown} cannot be")
        for value, shown in [("x", "'x'"), ("1", "'1'"), (True, "True"), ([], r"\[\]"), ({}, "{}")]
    ),
]


@pytest.mark.parametrize(("requires", "fusion", "match"), FUSIONS, ids=range(len(FUSIONS)))
def test_a_fusion_that_cannot_be_is_refused(bundle, requires, fusion, match):
    bundle.manifest |= {"requires": requires, "fusion": fusion}
    bundle.seal()
    refused(bundle, match)


@pytest.mark.parametrize(
    ("fusion", "name_weight"),
    [
        (WEIGHED, NameWeight(0.5, 1.25)),
        (WEIGHED | {"name_shots": 1, "evidence": None}, NameWeight(1.0)),
        (WEIGHED | {"name_shots": 1000, "evidence": -3}, NameWeight(1000.0, -3.0)),
    ],
)
def test_a_fusion_that_can_be_opens(bundle, fusion, name_weight):
    """So none of the above is refused for another reason than what was changed."""
    bundle.manifest["fusion"] = fusion
    bundle.seal()
    assert Index.load(bundle.folder).state.name_weight == name_weight
    bundle.manifest |= {"requires": [], "fusion": MEAN}
    bundle.seal()
    assert Index.load(bundle.folder).state.name_weight is None


ATTENTIONS = [
    *(
        (requires, {"attention": value}, f"fusion.attention is {shown}, which cannot be")
        for requires in (["fusion"], ["attention", "fusion"])
        for value, shown in [
            (-0.25, "-0.25"),
            (-1, "-1"),
            (1.0001, "1.0001"),
            (2, "2"),
            (10**400, "10{400}"),
            (True, "True"),
            (False, "False"),
            ("0.25", "'0.25'"),
            ("x", "'x'"),
            ([0.25], r"\[0.25\]"),
            ([], r"\[\]"),
            ({}, "{}"),
        ]
    ),
    # What a reader must know, and the share, say the same.
    (["fusion"], {"attention": 0.25}, "fusion.attention is 0.25, which cannot be"),
    (["fusion"], {"attention": 1}, "fusion.attention is 1, which cannot be"),
    (["attention", "fusion"], {"attention": 0}, "fusion.attention is 0, which cannot be"),
    (["attention", "fusion"], {"attention": 0.0}, "fusion.attention is 0.0, which cannot be"),
    (["attention", "fusion"], {"attention": None}, "fusion.attention is None, which cannot be"),
    (["attention", "fusion"], {}, "fusion.attention is None, which cannot be"),
    (["fusion", "attention"], {"attention": 0.25}, "Upgrade textshot"),
    (["attention", "attention", "fusion"], {"attention": 0.25}, "Upgrade textshot"),
]


@pytest.mark.parametrize(("requires", "given", "match"), ATTENTIONS, ids=range(len(ATTENTIONS)))
def test_an_attention_that_cannot_be_is_refused(bundle, requires, given, match):
    bundle.manifest |= {"requires": requires, "fusion": WEIGHED | given}
    bundle.seal()
    refused(bundle, match)


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_an_attention_that_is_no_number_is_refused(bundle, value):
    bundle.manifest |= {"requires": ["attention", "fusion"], "fusion": WEIGHED | {"attention": 0.5}}
    text = seal(bundle.manifest)
    assert b'"attention": 0.5' in text
    text = text.replace(b'"attention": 0.5', b'"attention": ' + value)
    (bundle.folder / "index.json").write_bytes(text)
    refused(bundle, "is not valid JSON")


@pytest.mark.parametrize(
    ("requires", "fusion", "share"),
    [
        (["fusion"], WEIGHED, None),
        (["fusion"], WEIGHED | {"attention": None}, None),
        (["fusion"], WEIGHED | {"attention": 0}, 0.0),
        (["fusion"], WEIGHED | {"attention": 0.0}, 0.0),
        (["attention", "fusion"], WEIGHED | {"attention": 0.25}, 0.25),
        (["attention", "fusion"], WEIGHED | {"attention": 1}, 1.0),
        ([], MEAN, None),
        (None, MEAN | {"attention": 0.0}, 0.0),
        (["attention"], MEAN | {"attention": 0.5}, 0.5),
    ],
)
def test_an_attention_that_can_be_opens(bundle, requires, fusion, share):
    bundle.manifest |= {"requires": requires, "fusion": fusion}
    bundle.seal()
    found = Index.load(bundle.folder).state.attention_share
    assert (found, type(found)) == (share, type(share))


def test_a_reader_that_knows_of_no_attention_refuses_an_index_that_has_some(tmp_path, monkeypatch):
    few, many = (
        Engine.build(two_topic_categories(n), encoder=ENCODER, use_names=names)
        for n, names in ((5, True), (20, False))
    )
    few.save(tmp_path / "few")
    many.save(tmp_path / "many")
    monkeypatch.setattr(manifest, "_KNOWN", manifest._KNOWN - {"attention"})
    assert Index.load(tmp_path / "few").labels == few.index.labels
    refused(Bundle(tmp_path / "many"), r"needs format 1 with \['attention'\]; .* Upgrade textshot")


@pytest.mark.parametrize("member", ["generation", "created", "dim", "keys", "files", "private"])
def test_a_manifest_without_a_member_is_refused(bundle, member):
    del bundle.manifest[member]
    bundle.seal()
    refused(bundle, f"{member} is None, which cannot be")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", 7),
        ("threshold", -1.01),
        ("threshold", "0.5"),
        ("threshold", [0.5]),
        ("method", 5),
        ("n_way", "many"),
        ("n_scores", None),
        ("guess", 1),
        ("stale", "yes"),
        ("temperature", "hot"),
        ("another", 1),
    ],
)
def test_decision_settings_that_cannot_be_are_refused(bundle, name, value):
    bundle.manifest["decision"][name] = value
    bundle.seal()
    refused(bundle, "decision or encoder is not valid")


BAD_NAMES = [
    "../index/vectors-00000000.safetensors",
    "../x",
    "/etc/passwd",
    "..",
    "",
    "index.json",
    "vectors-0000000.safetensors",
    "vectors-0000000G.safetensors",
    "vectors-00000000.safetensors\n",
    "vectors-00000000.safetensors\x00",
    "vectors-00000000.pkl",
    "categories-00000000.jsonl",
    5,
    None,
    ["vectors-00000000.safetensors"],
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_file_name_that_is_not_one_of_ours_is_refused_before_it_is_opened(bundle, name):
    bundle.manifest["files"]["vectors"]["name"] = name
    bundle.seal()
    refused(bundle, "the entry of the vectors file is not valid")


@pytest.mark.parametrize(
    ("member", "value", "match"),
    [
        ("size", 10**15, "bytes; the manifest says 1000000000000000: it is damaged"),
        ("size", -1, "the manifest says -1"),
        ("size", 0, "the manifest says 0"),
        ("size", True, "the entry of the vectors file is not valid"),
        ("size", 1.0, "the entry of the vectors file is not valid"),
        ("sha256", None, "the entry of the vectors file is not valid"),
        ("sha256", "0" * 64, "does not match the manifest's sha256"),
    ],
)
def test_a_file_entry_that_does_not_fit_its_file_is_refused(bundle, member, value, match):
    bundle.manifest["files"]["vectors"][member] = value
    bundle.seal()
    refused(bundle, match)


def test_a_file_entry_too_few_or_too_many_is_refused(bundle):
    whole = copy.deepcopy(bundle.manifest)
    bundle.manifest["files"]["network"] = whole["files"]["vectors"]
    bundle.seal()
    refused(bundle, r"files are \['categories', 'network', 'vectors'\]")
    bundle.manifest = whole
    del bundle.manifest["files"]["categories"]
    bundle.seal()
    refused(bundle, r"files are \['vectors'\]")
    bundle.manifest["files"]["categories"] = "categories-00000000.jsonl"
    bundle.seal()
    refused(bundle, "the entry of the categories file is not valid")


def test_files_of_other_roles_cannot_be_swapped(bundle):
    entries = bundle.manifest["files"]
    entries["vectors"], entries["categories"] = entries["categories"], entries["vectors"]
    bundle.seal()
    refused(bundle, "the entry of the .* file is not valid")


# The network


@pytest.fixture
def networked(tmp_path):
    """An index whose network learned parameters."""
    network = Matching(context="attention")
    network = network.with_parameters(network.initial_parameters(16, 5))
    engine = Engine.build(toy_categories(), encoder=HashingEncoder(dim=16), network=network)
    engine.save(tmp_path / "networked")
    return Bundle(tmp_path / "networked")


def test_a_network_sealed_again_without_a_change_opens(networked):
    networked.put("network", save_tensors(networked.tensors("network")))
    network = Index.load(networked.folder).state.network
    assert (network.name, network.settings["context"]) == ("matching", "attention")


NETWORKS = [
    (None, "network is None, which cannot be"),
    ([], r"network is \[\], which cannot be"),
    ("matching", "network is 'matching', which cannot be"),
    ({}, "network is {}, which cannot be"),
    ({"name": "matching"}, "which cannot be"),
    ({"name": 5, "settings": {}}, "which cannot be"),
    ({"name": "matching", "settings": []}, "which cannot be"),
    ({"name": "matching", "settings": None}, "which cannot be"),
    ({"name": "os.system", "settings": {}}, "network 'os.system' is not known"),
    ({"name": "", "settings": {}}, "network '' is not known"),
    ({"name": "matching", "settings": {"command": "rm"}}, "has no setting 'command'"),
    ({"name": "matching", "settings": {"name": "rm"}}, "cannot be read"),
    ({"name": "matching", "settings": {"parameters": {}}}, "has no setting 'parameters'"),
    ({"name": "matching", "settings": {"steps": "3"}}, "steps is '3'"),
    ({"name": "matching", "settings": {"steps": True}}, "steps is True"),
    ({"name": "matching", "settings": {"steps": None}}, "steps is None"),
    ({"name": "matching", "settings": {"steps": 10**4000}}, "steps is 1000"),
    ({"name": "matching", "settings": {"steps": 0}}, "steps is 0"),
    ({"name": "matching", "settings": {"context": ["lstm"]}}, r"context is \['lstm'\]"),
    ({"name": "matching", "settings": {"context": "gru"}}, "context is 'gru'"),
    ({"name": "matching", "settings": {"context": "none"}}, "are needed"),
    ({"name": "matching", "settings": {"context": "lstm"}}, "are needed"),
    ({"name": "siamese", "settings": {}}, "are needed|cannot be read"),
    ({"name": "memory", "settings": {"margin": 1e308}}, "margin is 1e"),
]


@pytest.mark.parametrize(("network", "match"), NETWORKS, ids=range(len(NETWORKS)))
def test_a_network_that_cannot_be_is_refused(networked, network, match):
    networked.manifest["network"] = network
    networked.seal()
    refused(networked, match)


def test_a_network_that_is_required_and_not_there_is_refused_and_the_other_way_round(networked):
    whole = copy.deepcopy(networked.manifest)
    assert whole["requires"] == ["fusion", "network"]
    networked.manifest["requires"] = ["fusion"]
    networked.seal()
    refused(networked, r"files are \['categories', 'network', 'vectors'\]")
    del networked.manifest["files"]["network"]
    networked.seal()
    refused(networked, "network is {'name': 'matching'")
    networked.manifest = {key: value for key, value in whole.items() if key != "network"}
    networked.seal()
    refused(networked, "network is None, which cannot be")


def test_without_its_file_a_network_has_not_learned_and_nothing_is_made_up(networked):
    del networked.manifest["files"]["network"]
    networked.seal()
    assert Index.load(networked.folder).state.network.parameters == {}


def test_the_file_of_a_network_has_a_name_of_its_own(networked):
    entries = networked.manifest["files"]
    entries["network"] = entries["vectors"]
    networked.seal()
    refused(networked, "the entry of the network file is not valid")


def changed_number(name, change):
    def put(tensors):
        return {**tensors, name: np.ascontiguousarray(change(tensors[name].copy()))}

    return put


NUMBERS = [
    (changed_number("log_scale", lambda a: a * np.nan), "log_scale has a value that is not finite"),
    (changed_number("support_q", lambda a: a + np.inf), "support_q has a value that is not finite"),
    (changed_number("kind_bias", lambda a: a[:2]), r"kind_bias is float32 \(2,\)"),
    (changed_number("query_v", lambda a: a[:, :8]), r"query_v is float32 \(16, 8\)"),
    (changed_number("query_v", lambda a: a.astype(np.float64)), "query_v is float64"),
    (changed_number("query_v", lambda a: a.astype(np.int32)), "query_v is int32"),
    (changed_number("log_scale", lambda a: np.repeat(a, 2)), r"log_scale is float32 \(2,\)"),
    (lambda tensors: {**tensors, "more": np.ones(1, np.float32)}, r"'more'.* are needed"),
    (lambda tensors: {"log_scale": tensors["log_scale"]}, r"holds the parameters \['log_scale'\]"),
    (
        lambda tensors: {n: a[:8, :8].copy() if a.ndim == 2 else a for n, a in tensors.items()},
        r"is float32 \(8, 8\); .*float32 \(16, 16\) is needed",
    ),
]


@pytest.mark.parametrize(("change", "match"), NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_that_cannot_be_are_refused(networked, change, match):
    networked.put("network", save_tensors(change(networked.tensors("network"))))
    refused(networked, match)


@pytest.mark.parametrize("data", [b"", b"\x80\x04\x95pickled", b"\xff" * 99, b"[" * 99])
def test_numbers_that_are_no_safetensors_are_refused(networked, data):
    networked.put("network", data)
    refused(networked, "is not a safetensors file")


def test_numbers_of_an_index_that_has_no_network_are_refused(bundle):
    bundle.put("network", save_tensors({"log_scale": np.ones(1, np.float32)}))
    refused(bundle, r"files are \['categories', 'network', 'vectors'\]")


RAW_MANIFESTS = [
    (b"", "is not valid JSON"),
    (b"[]", "is not the manifest of a textshot index"),
    (b"null", "is not the manifest of a textshot index"),
    (b'"textshot-index"', "is not the manifest of a textshot index"),
    (b"[" * 1_000_000, "is not valid JSON"),
    (b'{"a":' * 200_000, "is not valid JSON"),
    (b"[" * 900 + b"]" * 900, "is not"),
    (b'{"format": "textshot-index", "format_version": 1, "dim": 1e999}', "is not valid JSON"),
    (b'{"format": "textshot-index", "format_version": 1, "dim": NaN}', "NaN is not a number"),
    (b'{"dim": -Infinity}', "-Infinity is not a number"),
    (b'{"dim": ' + b"9" * 5000 + b"}", "is not valid JSON"),
    (b'{"format": "\xff"}', "is not valid JSON"),
    (b"\xef\xbb\xbf{}", "is not valid JSON"),
    (b"{}" + b" " * (1 << 20), "has 1048578 bytes; at most 1048576 are read"),
    (b'{"format": "textshot-index", "format_version": 1}', "does not match its own sha256"),
    (b'{"format": "textshot-index", "format_version": 1, "sha256": []}', "its own sha256"),
]


@pytest.mark.parametrize(("data", "match"), RAW_MANIFESTS, ids=range(len(RAW_MANIFESTS)))
def test_what_is_not_a_manifest_is_refused(bundle, data, match):
    (bundle.folder / "index.json").write_bytes(data)
    refused(bundle, match)


@pytest.mark.parametrize("depth", [100, 800, 940, *range(950, 1000, 3)])
def test_a_deeply_nested_manifest_is_refused_at_any_depth(bundle, depth):
    text = seal(bundle.manifest).decode().rstrip()[:-1] + ', "x": ' + "[" * depth + "]" * depth
    (bundle.folder / "index.json").write_text(text + "}")
    refused(bundle, "is not valid JSON|does not match its own sha256")


# The categories


def changed_line(**members):
    def change(lines):
        lines[2].update(members)
        return lines

    return change


def without(member):
    def change(lines):
        del lines[2][member]
        return lines

    return change


CATEGORY_CHANGES = [
    (lambda lines: [lines[0], *lines], "names are not unique and in order"),
    (lambda lines: lines[::-1], "names are not unique and in order"),
    (lambda lines: lines[:-1], "do not belong together"),
    (lambda lines: [], "do not belong together"),
    (lambda lines: [[], *lines], "line 1"),
    (lambda lines: ["name", *lines], "line 1"),
    (lambda lines: [None, *lines], "line 1"),
    (lambda lines: [5, *lines], "line 1"),
    (without("name"), "line 3"),
    (without("examples"), "line 3"),
    (changed_line(name=""), "line 3: a category has an empty name"),
    (changed_line(name=" \t"), "line 3: a category has an empty name"),
    (changed_line(name=" Unknown "), "line 3: a category cannot be called"),
    (changed_line(name="late\nparcel"), "line 3: .* control character"),
    (changed_line(name="late\ud800"), "line 3: .* control character"),
    (changed_line(name=5), "line 3: a category name is a string"),
    (changed_line(name=["x"]), "line 3: a category name is a string"),
    (changed_line(another=1), "line 3"),
    (changed_line(description=5), "line 3: .* description or parent 5"),
    (changed_line(parent=["x"]), "line 3: .* description or parent"),
    (changed_line(threshold=2), "line 3: .* threshold 2"),
    (changed_line(threshold="high"), "line 3: .* threshold 'high'"),
    (changed_line(threshold=[0.5]), "line 3: .* threshold"),
    (changed_line(threshold=float("nan")), "line 3: NaN is not a number"),
    (changed_line(threshold=float("inf")), "line 3: Infinity is not a number"),
    (changed_line(metadata=["x"]), "line 3: .* metadata"),
    (changed_line(metadata={"x": {"y": 1}}), "line 3: .* metadata"),
    (changed_line(metadata=None), "line 3: .* metadata"),
    (changed_line(examples=None), "line 3"),
    (changed_line(examples=["text"]), "line 3"),
    (changed_line(examples=[{"text": "x"}]), "line 3"),
    (changed_line(examples=[{"text": 5, "source": "x"}]), "line 3: an example is a string"),
    (changed_line(examples=[{"text": "x", "source": None}]), "line 3: an example is a string"),
    *(
        (changed_line(examples=[{"text": "x", "source": "x", "written": n}]), "correction_order is")
        for n in (-1, 1.5, "1", True, None, [1], 1 << 53, 10**400)
    ),
    (changed_line(examples=[]), "do not belong together"),
    (changed_line(examples=[{"text": "x", "source": "x"}] * 2), "not as an index writes them"),
    (changed_line(name=" spaced "), "not as an index writes them"),
    (changed_line(description="one key more"), "do not belong together"),
    (changed_line(description="instead", examples=[]), "do not belong together"),
]


@pytest.mark.parametrize(("change", "match"), CATEGORY_CHANGES, ids=range(len(CATEGORY_CHANGES)))
def test_categories_that_cannot_be_are_refused(bundle, change, match):
    bundle.put_lines(change(bundle.lines()))
    refused(bundle, match)


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * 5,
        b"\xff\xfe\n",
        b"[" * 1_000_000 + b"\n",
        b'{"examples":' * 200_000 + b"\n",
        b"not json\n",
        b"{}\n" * 300_000,
        b"\x80\x04\x95pickle\n",
    ],
    ids=range(7),
)
def test_a_category_file_that_is_none_is_refused(bundle, data):
    bundle.put("categories", data)
    refused(bundle, r"categories-[0-9a-f]{8}\.jsonl, line 1: ")


def test_names_left_out_and_nothing_else_there_is_refused(bundle):
    bundle.manifest |= {"requires": [], "fusion": MEAN | {"names": False}}
    bundle.put_lines(changed_line(examples=[])(bundle.lines()))
    refused(bundle, "nothing stands for it")


# The vectors


def with_tensor(name, change):
    def put(tensors):
        tensors[name] = np.ascontiguousarray(change(tensors[name].copy()))
        return tensors

    return put


def spoilt(value):
    def change(rows):
        rows[1, 3] = value
        return rows

    return change


TENSOR_CHANGES = [
    (with_tensor("vectors", spoilt(np.nan)), "vectors has rows that are not unit vectors"),
    (with_tensor("vectors", spoilt(np.inf)), "vectors has rows that are not unit vectors"),
    (with_tensor("vectors", spoilt(-np.inf)), "vectors has rows that are not unit vectors"),
    (with_tensor("vectors", spoilt(1e30)), "vectors has rows that are not unit vectors"),
    (with_tensor("vectors", spoilt(np.finfo(np.float32).max)), "not unit vectors"),
    (with_tensor("keys", spoilt(np.nan)), "keys has rows that are not unit vectors"),
    (with_tensor("keys", lambda rows: rows * 1.01), "keys has rows that are not unit vectors"),
    (with_tensor("keys", lambda rows: rows * 0), "keys has rows that are not unit vectors"),
    (with_tensor("probe", lambda rows: rows * 2), "probe has rows that are not unit vectors"),
    (with_tensor("probe", lambda rows: np.repeat(rows, 2, 0)), r"probe is float32 \(2, 16\)"),
    (with_tensor("probe", lambda rows: rows[:, :8]), r"probe is float32 \(1, 8\)"),
    (with_tensor("vectors", lambda rows: rows[:-1]), r"vectors is float32 \(4, 16\); .* needed"),
    (with_tensor("vectors", lambda rows: rows.ravel()), r"vectors is float32 \(80,\)"),
    (with_tensor("vectors", lambda rows: rows.T), r"vectors is float32 \(16, 5\)"),
    (with_tensor("vectors", lambda rows: rows.astype(np.float64)), "vectors is float64"),
    (with_tensor("vectors", lambda rows: rows.astype(np.float16)), "vectors is float16"),
    (with_tensor("keys", lambda rows: rows.astype(np.complex64)), "keys is complex64|safetensors"),
    (with_tensor("key_kind", lambda kinds: kinds.astype(np.int64)), "key_kind is int64"),
    (with_tensor("key_kind", lambda kinds: kinds[:-1]), r"key_kind is int32 \(9,\)"),
    (with_tensor("key_kind", lambda kinds: kinds * 0), "do not belong together"),
    (with_tensor("key_kind", lambda kinds: kinds + 2**30), "do not belong together"),
    (with_tensor("key_category", lambda rows: rows[::-1]), "do not belong together"),
    (with_tensor("key_category", lambda rows: rows - 1), "do not belong together"),
    (lambda tensors: {**tensors, "more": np.ones(3)}, r"'more'.* are needed"),
    (lambda tensors: {"vectors": tensors["vectors"]}, r"holds \['vectors'\]; .* are needed"),
    (lambda tensors: {}, r"holds \[\]; .* are needed"),
]


@pytest.mark.parametrize(("change", "match"), TENSOR_CHANGES, ids=range(len(TENSOR_CHANGES)))
def test_vectors_that_cannot_be_are_refused(bundle, change, match):
    bundle.put("vectors", save_tensors(change(bundle.tensors())))
    refused(bundle, match)


def raw(header, body=b""):
    data = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(data)) + data + body


def tensor(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"vectors": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


RAW_VECTORS = [
    b"",
    b"\x00" * 7,
    struct.pack("<Q", 1 << 60) + b"{}",
    struct.pack("<Q", 100_000_001) + b"{}",
    struct.pack("<Q", (1 << 64) - 1),
    raw(b"[" * 500_000),
    raw(b'{"a":' * 100_000),
    raw(b"\xff\xff"),
    raw(b"null"),
    raw({"vectors": 5}),
    raw(tensor(shape=(1 << 40, 1 << 40))),
    raw(tensor(shape=(1 << 63,))),
    raw(tensor(shape=(-1,)), b"\x00" * 4),
    raw(tensor(offsets=(0, 1 << 50)), b"\x00" * 4),
    raw(tensor(offsets=(4, 0)), b"\x00" * 4),
    raw(tensor(dtype="BF16", offsets=(0, 2)), b"\x00" * 2),
    raw(tensor(dtype="F8_E4M3", offsets=(0, 1)), b"\x00"),
    raw(tensor(dtype="F4", shape=(2,), offsets=(0, 1)), b"\x00"),
    raw(tensor(dtype="OBJECT"), b"\x00" * 4),
    raw(tensor(), b"\x00" * 4) + b"more",
    b"\x80\x04\x95pickled",
    b"PK\x03\x04 a zip of pickles",
    b"\x93NUMPY\x01\x00",
]


@pytest.mark.parametrize("data", RAW_VECTORS, ids=range(len(RAW_VECTORS)))
def test_what_is_not_a_safetensors_file_is_refused(bundle, data):
    bundle.put("vectors", data)
    refused(bundle, r"is not a safetensors file|are needed")


def test_a_thousand_random_changes_that_are_sealed_again_end_in_an_answer_or_a_refusal(bundle):
    """Whatever is in the vectors file: unit rows of the right shape, or IndexFormatError."""
    data, rng = bundle.data("vectors"), np.random.default_rng(0)
    (header,) = struct.unpack("<Q", data[:8])
    fine = 0
    for _ in range(1000):
        place = int(rng.integers(0, 8 + header))
        changed = data[:place] + bytes([int(rng.integers(0, 256))]) + data[place + 1 :]
        bundle.put("vectors", changed)
        try:
            vectors = Index.load(bundle.folder).state.vectors
        except IndexFormatError as error:
            fine += bool(re.search("safetensors file|needed|unit|belong", str(error)))
        else:
            fine += np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert fine == 1000


# Texts that fit nothing


@pytest.fixture
def unfit(tmp_path):
    """An index that knows two texts that fit no category."""
    engine = Engine.build(toy_categories(), encoder=HashingEncoder(dim=16))
    engine.add_out_of_scope(["out of office", "the weather"])
    engine.save(tmp_path / "unfit")
    return Bundle(tmp_path / "unfit")


def test_out_of_scope_texts_sealed_again_without_a_change_open(unfit):
    unfit.put("nothing", unfit.data("nothing"))
    unfit.put("vectors", save_tensors(unfit.tensors()))
    found = Index.load(unfit.folder).state.out_of_scope
    assert [e.text for e in found.examples] == ["out of office", "the weather"]


def test_a_reader_that_does_not_know_of_them_refuses_the_index(unfit, monkeypatch):
    assert unfit.manifest["requires"] == ["fusion", "nothing"]
    monkeypatch.setattr("textshot.index.disk.manifest._KNOWN", {"decision", "fusion", "network"})
    refused(unfit, r"with \['fusion', 'nothing'\]; .* Upgrade textshot")


def test_their_file_without_the_requirement_and_the_other_way_round_is_refused(unfit, bundle):
    match = "requires and the file 'nothing' do not go together"
    unfit.manifest["requires"] = ["fusion"]
    unfit.seal()
    refused(unfit, match)
    bundle.manifest["requires"] = ["fusion", "nothing"]
    bundle.seal()
    refused(bundle, match)


def test_their_vectors_without_their_file_are_refused(unfit):
    unfit.manifest["requires"] = ["fusion"]
    del unfit.manifest["files"]["nothing"]
    unfit.seal()
    refused(unfit, r"holds \[.*'nothing'.*\]; .* are needed")


@pytest.mark.parametrize("name", [n for n in BAD_NAMES if n != "index.json"])
def test_their_file_has_a_name_of_its_own(unfit, name):
    unfit.manifest["files"]["nothing"]["name"] = name
    unfit.seal()
    refused(unfit, "the entry of the nothing file is not valid")


def unfit_line(**members):
    return json.dumps({"text": "x", "source": "example"} | members).encode() + b"\n"


NOTHING_LINES = [
    (b"", "0 texts that fit nothing and their vectors do not belong together"),
    (unfit_line(), "1 texts that fit nothing and their vectors do not belong together"),
    (unfit_line() * 3, "3 texts that fit nothing and their vectors do not belong together"),
    (unfit_line() + unfit_line()[:-1], "1 texts that fit nothing and their vectors do not belong"),
    (b"\n\n", "the texts that fit nothing: Expecting value"),
    (unfit_line() + b"not json\n", "the texts that fit nothing: Expecting value"),
    (unfit_line() + b"\xff\xfe\n", "the texts that fit nothing: .* can't decode"),
    (unfit_line() + b"[" * 1_000_000 + b"\n", "the texts that fit nothing: "),
    (unfit_line() + b"{}\n", "the texts that fit nothing: 'text'"),
    (unfit_line() + b'{"text": "x"}\n', "the texts that fit nothing: 'source'"),
    (unfit_line() + b"[]\n", "the texts that fit nothing: "),
    (unfit_line() + b"null\n", "the texts that fit nothing: "),
    (unfit_line() + b'"text"\n', "the texts that fit nothing: "),
    (unfit_line() + b"5\n", "the texts that fit nothing: "),
    (unfit_line() + unfit_line(text=5), "an example is a string with a source"),
    (unfit_line() + unfit_line(text=["x"]), "an example is a string with a source"),
    (unfit_line() + unfit_line(source=None), "an example is a string with a source"),
    (unfit_line() + unfit_line(written=-1), "correction_order is -1"),
    (unfit_line() + unfit_line(written=True), "correction_order is True"),
    (unfit_line() + unfit_line(written=float("nan")), "NaN is not a number"),
    (unfit_line() + unfit_line(written=10**400), "correction_order is 10{400}"),
]


@pytest.mark.parametrize(("data", "match"), NOTHING_LINES, ids=range(len(NOTHING_LINES)))
def test_impossible_out_of_scope_texts_are_refused(unfit, data, match):
    unfit.put("nothing", data)
    refused(unfit, match)


NOTHING_TENSORS = [
    (lambda rows: rows[:1], "2 texts that fit nothing and their vectors do not belong together"),
    (lambda rows: rows[:0], "2 texts that fit nothing and their vectors do not belong together"),
    (lambda rows: np.repeat(rows, 2, 0), "2 texts .* their vectors do not belong together"),
    (lambda rows: rows[:, :8], r"nothing is float32 \(2, 8\); float32 \(2, 16\) is needed"),
    (lambda rows: rows.ravel(), r"nothing is float32 \(32,\); .* needed"),
    (lambda rows: rows[None], r"nothing is float32 \(1, 2, 16\); .* needed"),
    (lambda rows: rows.astype(np.float64), "nothing is float64"),
    (lambda rows: rows.astype(np.float16), "nothing is float16"),
    (lambda rows: rows * 2, "nothing has rows that are not unit vectors"),
    (lambda rows: rows * 0, "nothing has rows that are not unit vectors"),
    (spoilt(np.nan), "nothing has rows that are not unit vectors"),
    (spoilt(np.inf), "nothing has rows that are not unit vectors"),
]


@pytest.mark.parametrize(("change", "match"), NOTHING_TENSORS, ids=range(len(NOTHING_TENSORS)))
def test_impossible_vectors_of_out_of_scope_texts_are_refused(unfit, change, match):
    unfit.put("vectors", save_tensors(with_tensor("nothing", change)(unfit.tensors())))
    refused(unfit, match)


def test_out_of_scope_texts_without_their_vectors_are_refused(unfit):
    tensors = unfit.tensors()
    del tensors["nothing"]
    unfit.put("vectors", save_tensors(tensors))
    refused(unfit, "2 texts that fit nothing and their vectors do not belong together")


@pytest.mark.parametrize("name", ["nothing", "probe"])
def test_a_single_number_in_the_place_of_rows_is_refused(unfit, name):
    unfit.put("vectors", save_tensors({**unfit.tensors(), name: np.array(1, np.float32)}))
    refused(unfit, rf"{name} is float32 \(\)")

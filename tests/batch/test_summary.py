"""The page of a run: all of it, nothing from elsewhere, and nothing that runs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from job_files import write_rows

from textshot import Engine
from textshot.batch import Report, categorize
from textshot.batch.summary import category_rows, close_pairs, histogram, page_of
from textshot.batch.tally import BINS, Tally
from textshot.reports.page import visible
from textshot.testing import HashingEncoder, toy_engine
from textshot.types import Adaptation, Category

VOID = {"meta", "rect"}


class Page(HTMLParser):
    """What a browser makes of a page: its elements, its attributes, its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.open, self.texts = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


@pytest.fixture
def report(engine):
    write_rows("in.csv", 300)
    return categorize(engine, "in.csv", "out.csv", shard_rows=100)


def section(page, title):
    text = Page(page).text
    start = text.index(title)
    ends = [text.find(other, start + len(title)) for other in TITLES if other != title]
    return text[start : min((end for end in ends if end > 0), default=len(text))]


TITLES = [
    "What looks wrong",
    "What changed since run",
    "Categories ",
    "Scores ",
    "Margins ",
    "Categories that overlap",
    "The nearest and the most uncertain text of each category",
    "What was run",
]


@pytest.mark.parametrize("output", ["out.csv", "parts/"])
def test_the_page_lies_beside_the_summary(engine, output):
    write_rows("in.csv", 300)
    report = categorize(engine, "in.csv", output)
    page = (report.run / "summary.html").read_text(encoding="utf-8")
    assert page == page_of(report)
    assert (report.run / "summary.json").is_file()


def test_it_says_what_was_run_and_what_came_out(report):
    page = page_of(report)
    assert "297 texts in 5 categories" in Page(page).text
    assert "300 rows read 297 written 3 rejected" in Page(page).text
    run = section(page, "What was run")
    assert f"run {report.fingerprint}" in run
    assert f"index generation 0, content {report.facts['index']['content']}" in run
    assert "encoder hashing threshold 0.250" in run
    assert "text the column text" in run
    assert "rejected rows out.csv.rejects.csv" in run
    assert "input in.csv" in run
    for label, n in report.tally.counts.items():
        assert f"{label} {n} {100 * n / 297:.1f} %" in section(page, "Categories ")
        assert report.tally.nearest[label][1] in section(page, "The nearest")
        assert report.tally.uncertain[label][1] in section(page, "The nearest")


def test_it_needs_nothing_from_elsewhere_and_runs_nothing(report):
    page = page_of(report)
    found = Page(page)
    assert not {"script", "link", "img", "a", "iframe", "object", "form"} & set(found.tags)
    assert not {"href", "src", "srcset", "action"} & set(found.attributes)
    assert not [name for name in found.attributes if name.startswith("on")]
    assert "://" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'; style-src 'unsafe-inline'" in page


def test_the_same_run_gives_the_same_bytes(engine, report):
    page = (report.run / "summary.html").read_bytes()
    assert str(Path.cwd()) not in page.decode()
    again = Report.from_dict(report.to_dict(), report.run, 7)
    assert page_of(again).encode() == page
    (report.run / "summary.html").unlink()
    categorize(engine, "in.csv", "out.csv", shard_rows=100)  # finished, and yet with a page
    assert (report.run / "summary.html").read_bytes() == page


def test_a_page_of_what_is_gone_is_gone(engine, report):
    class Stop(Exception):
        pass

    def stop(rows, fraction):
        raise Stop

    engine.add([Category("lost card", examples=["my card is gone"])])
    with pytest.raises(Stop):
        categorize(engine, "in.csv", "out.csv", shard_rows=100, on_progress=stop)
    assert not (report.run / "summary.html").exists()


HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</style></title><b>",
    "{{ 7 * 7 }} {% raw %} {# no #}",
    "&lt;i&gt; &amp;",
    "money \u202egnp.exe\u202c \u2066x\u2069 \u200fz",
    "bell \x07 escape \x1b[31m nul \x00 next \x85",
]


HIDDEN = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts(text, report):
    tally = replace(
        report.tally,
        written=60,
        counts={text: 60},
        close={text: 60},
        sums={text: 0.0},
        nearest={text: (0.9, text)},
        uncertain={text: (0.0, text)},
        pairs=[(text, text + "2", 60)],
    )
    facts = {
        **report.facts,
        "categories": [text, text + "2", text + "3"],
        "inputs": [text],
        "encoder": {"name": text, "kind": text, "fingerprint": text},
    }
    hostile = replace(
        report,
        tally=tally,
        facts=facts,
        failed=[(text, f"{text}: {text}"), (text, text)],
        text_columns=(text, text),
        adaptation=Adaptation(0, text),
        rejects_path=Path(text.replace("\x00", "")),
    )
    page = page_of(hostile)
    found, plain = Page(page), Page(page_of(report))
    assert set(found.tags) - {"div", "li", "ul", "h3"} <= set(plain.tags)
    assert set(found.attributes) <= set(plain.attributes)
    assert " ".join(visible(text).split()) in found.text
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]", page
    )


def test_hostile_names_and_texts_of_a_real_run():
    names = ["<b>bold</b>", "{{ name }}", "quoted \"'", "\u202eright"]
    texts = [f"word{i} {name}" for i, name in enumerate(HOSTILE[:6])]
    categories = [Category(name, examples=[text]) for name, text in zip(names, texts, strict=False)]
    engine = Engine.build(categories, encoder=HashingEncoder(), threshold=0.1)
    Path("in.jsonl").write_text("".join(f'{{"text": {json.dumps(text)}}}\n' for text in texts * 20))
    report = categorize(engine, "in.jsonl", "out.csv")
    page = (report.run / "summary.html").read_text(encoding="utf-8")
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "{{ name }}" in page
    assert "\\u202eright" in page
    assert Page(page).tags.count("script") == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ä, 漢字, שלום, \u00a0", "plain, ä, 漢字, שלום, \u00a0"),
        ("👩\u200d🚀 \u0645\u06cc\u200c\u062e", "👩\u200d🚀 \u0645\u06cc\u200c\u062e"),
        ("a\u202eb", "a\\u202eb"),
        ("a\tb\nc\x00", "a\\tb\\nc\\x00"),
        ("\u2028\ufeff\u00ad", "\\u2028\\ufeff\\xad"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_would_be_hidden_is_spelt(text, shown):
    assert visible(text) == shown
    shown.encode("utf-8")


def test_what_is_no_text_stays():
    assert visible(12) == 12
    assert visible(None) is None


def test_files_that_failed_are_reported_with_the_reason(engine):
    write_rows("a.csv", 50)
    Path("b.csv").write_text("id,body\n1,x\n")
    report = categorize(engine, ["a.csv", "b.csv"], "out.csv")
    text = Page(page_of(report)).text
    assert "1 file was not read to the end" in text
    assert "b.csv" in text
    assert "there is no column 'text'" in text
    assert "a.csv and 1 more file" in text


def with_counts(report, counts):
    tally = replace(
        report.tally,
        written=sum(counts.values()),
        counts=counts,
        close={},
        sums={label: 0.5 * n for label, n in counts.items()},
    )
    return replace(report, tally=tally, facts={**report.facts, "categories": list(counts)})


def test_hundreds_of_categories_are_all_there(report):
    page = page_of(with_counts(report, {f"category {i:03}": 500 - i for i in range(400)}))
    assert 'class="bars many"' in page
    text = section(page, "Categories ")
    assert all(f"category {i:03} {500 - i} " in text for i in range(400))
    assert "only." not in text


def test_thousands_of_categories_are_cut_and_that_is_reported(report):
    large = with_counts(report, {f"category {i:04}": 5000 - i for i in range(1500)})
    text = section(page_of(large), "Categories ")
    assert "category 0999" in text
    assert "category 1000" not in text
    assert "501 smaller categories are in summary.json only." in text  # "unknown" is one of them


def test_what_looks_wrong_is_reported_with_what_to_do(engine):
    Path("in.csv").write_text("text\n" + "my money back\n" * 40 + "zzz qqq\n" * 60)
    text = section(page_of(categorize(engine, "in.csv", "out.csv")), "What looks wrong")
    assert "Most texts are unknown unknown : 60 of 100 (60.0 %) texts" in text
    assert "textshot tune INDEX LABELLED" in text
    assert "refund request : 40 of 40 (100.0 %) texts with a category; 5.0 times" in text


def test_what_looks_wrong_in_many_categories_is_cut(report):
    large = with_counts(report, {f"c{i:03}": 1000 if i < 100 else 1 for i in range(200)})
    text = section(page_of(large), "What looks wrong")
    assert text.count("1 of 100,100 (0.0 %) texts with a category") == 50
    assert "and 50 more" in text


def test_nothing_looks_wrong_in_a_few_texts(engine):
    Path("in.csv").write_text("text\nmy money back\n")
    text = section(page_of(categorize(engine, "in.csv", "out.csv")), "What looks wrong")
    assert "No issues found in 1 text" in text


def test_no_rows_and_no_categories():
    Path("in.csv").write_text("id,text\n1,\n")
    report = categorize(Engine.build([], encoder=HashingEncoder()), "in.csv", "out.csv")
    text = Page(page_of(report)).text
    assert "0 texts in 0 categories" in text
    assert "1 rows read 0 written 1 rejected 0.0 % unknown (0)" in text


def test_options_that_change_the_answers_are_reported(engine):
    write_rows("in.csv", 300)
    some = categorize(engine, "in.csv", "a.csv", sample=0.5, seed=3, threshold=None)
    run = section(page_of(some), "What was run")
    assert "a sample of 50.0 %, seed 3" in run
    assert "threshold none" in run
    few = categorize(engine, "in.csv", "b.csv", limit=100, threshold=0.4, adapt=True)
    run = section(page_of(few), "What was run")
    assert "the first 100 only" in run
    assert "threshold 0.400" in run
    assert "adapted to 297 different texts" in run


def test_the_comparison_is_a_section(engine, report):
    write_rows("next.csv", 200)
    engine.add([Category("lost card", examples=["my card is gone"])])
    second = categorize(engine, "next.csv", "next-out.csv", compare="out.csv")
    text = section((second.run / "summary.html").read_text(), "What changed since run")
    assert text.startswith(f"What changed since run {report.fingerprint}")
    assert "texts 297 before, 198 now" in text
    assert "note the index has other vectors" in text
    assert re.search(r"lost card . \d+\.\d % \+\d+\.\d new", text)
    assert re.search(r"unknown \d+\.\d % \d+\.\d % [+-]\d+\.\d (no|more|less)", text)


def test_the_template_is_shipped():
    assert files("textshot.batch").joinpath("summary.html.j2").is_file()


def bins(**counted):
    found = [0] * BINS
    for place, n in counted.items():
        found[int(place[1:])] = n
    return found


def test_a_histogram_goes_from_the_first_to_the_last_bin_with_something_in_it():
    found = histogram([bins(_30=5, _32=10), bins(_31=1, _32=10)], -1.0)
    assert [(bar.lowest, bar.highest, bar.rows) for bar in found.bars] == [
        (0.2, 0.24, (5, 0)),
        (0.24, 0.28, (0, 1)),
        (0.28, 0.32, (10, 10)),
    ]
    assert [bar.heights for bar in found.bars] == [(25.0, 0.0), (0.0, 5.0), (50.0, 50.0)]
    assert [bar.tops for bar in found.bars] == [(75.0, 75.0), (100.0, 95.0), (50.0, 0.0)]
    assert found.ticks == ((0.0, "0.2"), (33.33, "0.24"), (66.67, "0.28"), (100.0, "0.32"))
    assert found.mark is None


def test_a_histogram_has_room_for_what_is_marked():
    found = histogram([bins(_30=5)], -1.0, mark=0.3)
    assert (found.bars[0].lowest, found.bars[-1].highest) == (0.2, 0.32)
    assert found.mark == pytest.approx(100 * 0.1 / 0.12, abs=0.01)
    assert histogram([bins(_49=5)], -1.0, mark=1.0).mark == 100.0
    assert histogram([bins(_0=5)], -1.0, mark=-1.0).mark == 0.0


def test_a_bar_that_is_there_can_be_seen():
    found = histogram([bins(_0=1, _1=100_000)], 0.0)
    assert found.bars[0].heights == (0.7,)


def test_a_histogram_of_nothing():
    assert histogram([[], []], -1.0) is None
    assert histogram([[0] * BINS], 0.0) is None


def test_pairs_are_joined_whichever_came_first():
    pairs = close_pairs([("unknown", "a", 90), ("b", "a", 5), ("c", "a", 5), ("a", "b", 3)])
    assert pairs == [
        ("b", "a", 8, 5),
        ("c", "a", 5, 5),
    ]


def test_bars_are_of_the_largest_category_and_unknown_is_cut(report):
    tally = Tally(
        written=100, counts={"a": 20, "b": 10, "unknown": 70}, close={"a": 5, "unknown": 9}
    )
    rows = category_rows(
        replace(report, tally=tally, facts={**report.facts, "categories": ["a", "c"]})
    )
    assert [(row.label, row.n, row.n_close, row.clear, row.close) for row in rows] == [
        ("unknown", 70, 0, 100.0, 0.0),
        ("a", 20, 5, 75.0, 25.0),
        ("b", 10, 0, 50.0, 0.0),
        ("c", 0, 0, 0.0, 0.0),
    ]

"""More than a hundred hostile or odd files, each with the rows that it holds by construction."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import json
import lzma
import os
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = [
    ("where is my parcel", "late parcel"),
    ("I want my money back", "refund request"),
    ("the parcel has not come", "late parcel"),
    ("my password is wrong", "login problem"),
]
TEXTS = [text for text, _ in ROWS]
NOON = datetime.datetime(2026, 3, 4, 12, 0)

Content = bytes | Callable[[Path], object]


@dataclass(frozen=True)
class HostileFile:
    """A file, and what every way of reading it has to make of it.

    Attributes:
        name: the name of the file.
        content: its bytes, or what makes it under a path.
        texts: the texts of the rows that are answered, in order.
        rejected: how many rows are rejected.
        refused: what the error says if the file is refused as a whole.
        bad_labels: how many of these rows cannot be learned or evaluated for their label.
        labelled: whether its rows have labels at all.
        uploaded: whether it can be sent to the service.
        options: options of the commands, with the names of the HTTP service.
    """

    name: str
    content: Content
    texts: Sequence[str] = tuple(TEXTS)
    rejected: int = 0
    refused: str = ""
    bad_labels: int = 0
    labelled: bool = True
    uploaded: bool = True
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of rows by construction."""
        return len(self.texts) + self.rejected

    def make(self, folder: Path) -> Path:
        """Write the file into a folder."""
        path = folder / self.name
        if isinstance(self.content, bytes):
            path.write_bytes(self.content)
        else:
            self.content(path)
        return path


def table(
    rows: Sequence[Sequence[str]] = ROWS,
    separator: str = ",",
    end: str = "\n",
    header: Sequence[str] = ("text", "label"),
) -> str:
    """Return rows as a delimited table, without quotes."""
    return "".join(separator.join(row) + end for row in [header, *rows])


def with_text(text: str, **changes: Any) -> dict[str, Any]:
    """Return the content and the texts of a table with one more row."""
    quoted = '"' + text.replace('"', '""') + '"'
    content = table([*ROWS, (quoted, "late parcel")]).encode("utf-8", "surrogatepass")
    return {"content": content, "texts": [*TEXTS, text], **changes}


def with_reject(row: bytes, **changes: Any) -> dict[str, Any]:
    """Return the content of a table with one more row, which is rejected."""
    return {"content": table().encode() + row + b"\n", "rejected": 1, **changes}


def json_lines(*rows: object) -> bytes:
    """Return rows of JSON, a string as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return ("\n".join(lines) + "\n").encode()


OBJECTS = [{"text": text, "label": label} for text, label in ROWS]


def parquet(**changes: Any) -> bytes:
    """Return the rows as Parquet, with other columns."""
    columns = {"text": TEXTS, "label": [label for _, label in ROWS], **changes}
    options = columns.pop("options", {})
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, **options)
    return stream.getvalue()


def workbook(rows: Sequence[Sequence[object]], change: Callable[[Any], object] = id) -> bytes:
    """Return rows as a workbook; `change` gets it before it is saved."""
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(list(row))
    change(book)
    book.save(stream)
    return stream.getvalue()


def zstandard(data: bytes) -> bytes:
    """Return compressed bytes."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


def hostile_files() -> list[HostileFile]:
    """Return all files."""
    makers = (
        separators, encodings, quotes, headers, cells, line_ends, wrong_formats, json_files,
        parquet_files, parquet_types, workbooks, plain_texts, compressed_files, odd_paths,
    )  # fmt: skip
    return [file for maker in makers for file in maker()]


def separators() -> Iterator[HostileFile]:
    yield HostileFile("comma.csv", table().encode())
    yield HostileFile("semicolon.csv", table(separator=";").encode())
    yield HostileFile("tab.csv", table(separator="\t").encode())
    yield HostileFile("pipe.csv", table(separator="|").encode())
    yield HostileFile("sep-line.csv", b"sep=;\n" + table(separator=";").encode())
    yield HostileFile("comma.tsv", table().encode())
    yield HostileFile("tab.tsv", table(separator="\t").encode())
    commas = [(f'"{text}, please"', label) for text, label in ROWS]
    texts = [f"{text}, please" for text in TEXTS]
    yield HostileFile("quoted-commas.csv", table(commas).encode(), texts)
    many = [(text, label, *["x"] * 998) for text, label in ROWS]
    header = ("text", "label", *[f"c{i}" for i in range(998)])
    yield HostileFile("thousand-columns.csv", table(many, header=header).encode())


def encodings() -> Iterator[HostileFile]:
    yield HostileFile("utf-8-bom.csv", table().encode("utf-8-sig"))
    for name in ("utf-16", "utf-32"):
        yield HostileFile(f"{name}.csv", table().encode(name))
    yield HostileFile("utf-16-be.csv", b"\xfe\xff" + table().encode("utf-16-be"))
    yield HostileFile(
        "utf-16-odd.csv", table().encode("utf-16") + b"\0", refused="half a character"
    )
    yield HostileFile("utf-16-no-bom.csv", table().encode("utf-16-le"), refused="NUL byte")
    yield HostileFile("one-cp1252.csv", **with_reject(b"caf\xe9,late parcel"))
    accents = [(f"{text} \xe9", label) for text, label in ROWS]
    yield HostileFile("all-cp1252.csv", table(accents).encode("cp1252"), [], rejected=4)
    yield HostileFile(
        "named-cp1252.csv",
        table(accents).encode("cp1252"),
        [text for text, _ in accents],
        options={"encoding": "cp1252"},
    )
    yield HostileFile("nul.csv", **with_reject(b"my\0parcel,late parcel"))
    yield HostileFile("half-character.csv", **with_reject(b"\xed\xa0\x80 parcel,late parcel"))
    yield HostileFile("emoji.csv", **with_text("\U0001f44d \U0001f468‍\U0001f469‍\U0001f467 parcel"))
    yield HostileFile("nfd.csv", **with_text("Pa\u0308ckchen parcel"))
    yield HostileFile(
        "right-to-left.csv", **with_text("\u202eparcel\u202c \u05d7\u05d1\u05d9\u05dc\u05d4")
    )
    blank = "\u200b\u200d\ufeff\u2060,late parcel"
    yield HostileFile("zero-width.csv", **with_reject(blank.encode()))


def quotes() -> Iterator[HostileFile]:
    yield HostileFile("quoted-breaks.csv", **with_text("my parcel\r\nhas not\ncome"))
    yield HostileFile("doubled-quotes.csv", **with_text('my "parcel" has not come'))
    yield HostileFile(
        "unicode-breaks.csv", **with_text("my\x85parcel\u2028has\u2029not\x0bcome\x0c")
    )
    yield HostileFile("escaped-by-backslash.csv", **with_text("my \\parcel\\"))
    yield HostileFile(
        "inch.csv", table([*ROWS, ('a 5" parcel', "late parcel")]).encode(), [*TEXTS, 'a 5" parcel']
    )
    stray = [*ROWS * 20, ('"my parcel', "late parcel"), *ROWS * 20, ('it came"', "late parcel")]
    kept = [*ROWS * 20, *ROWS * 20, ('it came"', "late parcel"), *ROWS]
    texts = [text for text, _ in kept]
    yield HostileFile("stray-quote.csv", table([*stray, *ROWS]).encode(), texts, rejected=1)
    yield HostileFile("unclosed-at-end.csv", **with_reject(b'"my parcel,late parcel'))


def headers() -> Iterator[HostileFile]:
    yield HostileFile(
        "blank-name.csv", table([(*row, "") for row in ROWS], header=("text", "label", "")).encode()
    )
    yield HostileFile(
        "two-names.csv",
        table([(*row, "") for row in ROWS], header=("text", "label", "label")).encode(),
        refused="both called",
    )
    yield HostileFile("blank-names.csv", table(header=("", " ")).encode(), refused="header")
    yield HostileFile("upper-case.csv", table(header=(" Text ", "LABEL")).encode())
    yield HostileFile("header-only.csv", b"text,label\n", [])
    yield HostileFile("empty.csv", b"", refused="is empty")
    yield HostileFile("only-blank-lines.csv", b"\n\r\n\n", refused="is empty")
    yield HostileFile("only-a-bom.csv", b"\xef\xbb\xbf", refused="is empty")
    yield HostileFile(
        "no-name.csv",
        table([(*row, "", "x") for row in ROWS], header=("text", "label", "", "")).encode(),
    )
    yield HostileFile("by-content.csv", table(header=("message", "topic")).encode())
    two = [(text, f"answer: {text}", label) for text, label in ROWS]
    yield HostileFile(
        "two-texts.csv",
        table(two, header=("message", "answer", "label")).encode(),
        refused="there is no column",
    )
    yield HostileFile("byte-in-header.csv", b"text,label,\xff\n", refused="header cannot be read")


def cells() -> Iterator[HostileFile]:
    notes = table([*[(*row, "x") for row in ROWS]], header=("text", "label", "note"))
    yield HostileFile("short-rows.csv", (notes + table()[11:]).encode(), [*TEXTS, *TEXTS])
    surplus = table([(*row, "", "") for row in ROWS])
    yield HostileFile("surplus-cells.csv", surplus.encode())
    yield HostileFile("surplus-cells-2.csv", (",,\n" + surplus).replace(",", ";").encode())
    yield HostileFile("short-row-of-another.csv", **with_reject(b"my parcel;late parcel"))
    yield HostileFile("long-row.csv", **with_reject(b"my parcel,late parcel,again"))
    yield HostileFile("huge-cell.csv", **with_text("my parcel " * 20_000))
    yield HostileFile("too-huge-cell.csv", **with_reject(b"x" * 10_000_001 + b",late parcel"))
    yield HostileFile("formulas.csv", **with_text('=HYPERLINK("http://x","my parcel")'))
    yield HostileFile("minus.csv", **with_text("-my parcel"))
    yield HostileFile("apostrophe.csv", **with_text("'my parcel"))
    yield HostileFile("excel-escape.csv", **with_text("my _x000D_ parcel"))
    yield HostileFile("blank-text.csv", **with_reject(b'" \t\xc2\xa0\xe3\x80\x80",late parcel'))
    yield HostileFile("null-words.csv", **with_text("NULL"))
    yield HostileFile("number.csv", **with_text("0012.50"))
    yield HostileFile("markup.csv", **with_text("<script>alert('my parcel')</script>"))
    yield HostileFile("template.csv", **with_text("{{parcel}} %s {0} ${PATH} \\n"))


def line_ends() -> Iterator[HostileFile]:
    for name, end in {"crlf": "\r\n", "cr": "\r"}.items():
        yield HostileFile(f"{name}.csv", table(end=end).encode())
    mixed = "text,label\r" + "".join(
        f"{text},{label}{end}"
        for (text, label), end in zip(ROWS, ["\n", "\r\n", "\r", ""], strict=True)
    )
    yield HostileFile("mixed.csv", mixed.encode())
    yield HostileFile("blank-lines.csv", table(end="\n\n\r\n").encode())
    yield HostileFile("no-last-end.csv", table().encode().rstrip())


def wrong_formats() -> Iterator[HostileFile]:
    book = workbook([("text", "label"), *ROWS])
    yield HostileFile("workbook.csv", book, refused="is a zip file")
    yield HostileFile("parquet.csv", parquet(), refused="Parquet")
    yield HostileFile(
        "picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, refused="header cannot be read"
    )
    page = b"\n<!DOCTYPE html>\n<html><body>404</body></html>\n"
    yield HostileFile("page.csv", page, refused="web page")
    yield HostileFile("page.txt", page, refused="web page")
    yield HostileFile("document.csv", b"%PDF-1.7\n1 0 obj\n", refused="PDF")
    yield HostileFile("comma.parquet", table().encode(), refused="cannot be read as Parquet")
    yield HostileFile("comma.xlsx", table().encode(), refused="not an Excel workbook")
    yield HostileFile("workbook.parquet", book, refused="cannot be read as Parquet")
    yield HostileFile("comma.jsonl", table().encode(), refused="one JSON object a line")
    yield HostileFile("comma.doc", table().encode(), refused="extension|does not tell the format")
    yield HostileFile(
        "workbook.xlsx.gz", gzip.compress(book), refused="extension|does not tell the format"
    )


def json_files() -> Iterator[HostileFile]:
    plain = json_lines(*OBJECTS)
    yield HostileFile("plain.jsonl", plain)
    yield HostileFile("bom.jsonl", b"\xef\xbb\xbf" + plain)
    yield HostileFile("cr.ndjson", plain.replace(b"\n", b"\r"))
    yield HostileFile("blank.jsonl", plain.replace(b"\n", b"\n \n"))
    yield HostileFile(
        "other-order.jsonl", json_lines(*[dict(reversed(o.items())) for o in OBJECTS])
    )
    rejects = {
        "list-as-text": {"text": ["my parcel"], "label": "late parcel"},
        "object-as-text": {"text": {"a": 1}, "label": "late parcel"},
        "null-text": {"text": None, "label": "late parcel"},
        "no-text": {"label": "late parcel"},
        "not-a-number": '{"text": "my parcel", "label": NaN}',
        "twice": '{"text": "my parcel", "text": "my money", "label": "late parcel"}',
        "array": ["my parcel", "late parcel"],
        "cut-off": '{"text": "my parc',
        "comment": "// my parcel",
        "single-quotes": "{'text': 'my parcel'}",
        "deep": '{"text": ' + "[" * 100_000,
    }
    for name, row in rejects.items():
        yield HostileFile(f"{name}.jsonl", json_lines(*OBJECTS, row), rejected=1)
    values = {"number": 12345678901234567890, "fraction": 1.5, "boolean": True}
    for name, value in values.items():
        row = {"text": value, "label": "late parcel"}
        yield HostileFile(f"{name}.jsonl", json_lines(*OBJECTS, row), [*TEXTS, json.dumps(value)])
    half = '{"text": "my \\ud83d parcel", "label": "late parcel"}'
    yield HostileFile(
        "half-character.jsonl", json_lines(*OBJECTS, half), [*TEXTS, "my \ud83d parcel"]
    )
    nul = {"text": "my \0 parcel", "label": "late parcel"}
    yield HostileFile("nul.jsonl", json_lines(*OBJECTS, nul), [*TEXTS, "my \0 parcel"])
    yield HostileFile("array.json", json.dumps(OBJECTS).encode())
    yield HostileFile("array.jsonl.gz", gzip.compress(json.dumps(OBJECTS, indent=1).encode()))
    cut_off = json.dumps(OBJECTS, indent=1).encode()[:-1]
    yield HostileFile("cut-off.json", cut_off, refused="array is not closed at the end")
    yield HostileFile(
        "object.json", json.dumps({"rows": OBJECTS}, indent=1).encode(), refused="one array"
    )
    yield HostileFile("empty.jsonl", b"", refused="is empty|no object")
    label = {"text": "my parcel", "label": ["late parcel"]}
    yield HostileFile(
        "list-as-label.jsonl", json_lines(*OBJECTS, label), [*TEXTS, "my parcel"], bad_labels=1
    )


def parquet_files() -> Iterator[HostileFile]:
    whole = parquet()
    yield HostileFile("plain.parquet", whole)
    yield HostileFile("cut-off.parquet", whole[:-20], refused="cannot be read as Parquet")
    yield HostileFile("empty.parquet", b"", refused="cannot be read as Parquet")
    yield HostileFile(
        "no-rows.parquet",
        parquet(text=pa.array([], pa.string()), label=pa.array([], pa.string())),
        [],
    )
    yield HostileFile(
        "no-columns.parquet",
        lambda path: pq.write_table(pa.table({}), path),
        refused="header is empty|there is no column",
    )
    columns = pa.Table.from_arrays([pa.array(TEXTS)] * 2, names=["text", "text"])
    yield HostileFile(
        "two-names.parquet", lambda path: pq.write_table(columns, path), refused="both called"
    )
    plain = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    page = parquet(options={**plain, "row_group_size": 2}).replace(b"password", b"passport")
    yield HostileFile("changed-page.parquet", page, TEXTS[:2], refused="after row 2")
    broken = pa.array([*[text.encode() for text in TEXTS[:3]], b"\xff"]).view(pa.string())
    yield HostileFile(
        "not-utf-8.parquet", parquet(text=broken), [], refused="after row 0|is damaged"
    )
    pandas = {b"pandas": b"{}", b"textshot": b"json"}
    schema = pa.schema([pa.field("text", pa.string(), metadata=pandas), ("label", pa.string())])
    own = pa.table([TEXTS, [label for _, label in ROWS]], schema=schema)
    yield HostileFile("metadata.parquet", lambda path: pq.write_table(own, path))


def parquet_types() -> Iterator[HostileFile]:
    strings = pa.array(TEXTS)
    kinds = {
        "string-view": strings.cast(pa.string_view()),
        "large-string": strings.cast(pa.large_string()),
        "dictionary": strings.dictionary_encode(),
    }
    for name, column in kinds.items():
        yield HostileFile(f"{name}.parquet", parquet(text=column))
    nulls = pa.array([*TEXTS[:3], None], pa.string_view())
    yield HostileFile("null-view.parquet", parquet(text=nulls), TEXTS[:3], rejected=1)
    beside = pa.array([["a"], None, [], ["b"]], pa.list_view(pa.string_view()))
    yield HostileFile("views-beside.parquet", parquet(text=nulls, x=beside), TEXTS[:3], rejected=1)
    values = {
        "integers": (pa.array([1, -2, 3, 2**62]), ["1", "-2", "3", str(2**62)]),
        "floats": (pa.array([0.5, float("nan"), float("inf"), None]), ["0.5", "inf"]),
        "booleans": (pa.array([True, False, True, False]), ["true", "false", "true", "false"]),
        "decimals": (pa.array([Decimal("1.50")] * 4), ["1.50"] * 4),
        "dates": (pa.array([NOON.date()] * 4), ["2026-03-04"] * 4),
        "times": (pa.array([NOON] * 4, pa.timestamp("s")), ["2026-03-04T12:00:00.000"] * 4),
        "durations": (pa.array([3] * 4, pa.duration("ms")), ["3 ms"] * 4),
        "uuids": (pa.array([uuid.UUID(int=7).bytes] * 4, pa.uuid()), [str(uuid.UUID(int=7))] * 4),
        "nothing": (pa.nulls(4), []),
    }
    for name, (column, texts) in values.items():
        rejected = len(ROWS) - len(texts)
        yield HostileFile(f"{name}.parquet", parquet(text=column), texts, rejected=rejected)
    no_texts = {
        "lists": pa.array([["a"]] * 4),
        "list-views": pa.array([["a"]] * 4, pa.list_view(pa.string())),
        "structs": pa.array([{"a": 1}] * 4),
        "maps": pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int64())),
        "bytes": pa.array([b"my parcel"] * 4),
        "byte-views": pa.array([b"my parcel"] * 4, pa.binary_view()),
        "json": pa.array(['{"a": 1}'] * 4, pa.json_()),
    }
    for name, column in no_texts.items():
        yield HostileFile(
            f"{name}.parquet", parquet(text=column), refused="which is not text|one text is needed"
        )


def workbooks() -> Iterator[HostileFile]:
    rows = [("text", "label"), *ROWS]
    whole = workbook(rows)
    yield HostileFile("plain.xlsx", whole)
    yield HostileFile("cut-off.xlsx", whole[:-100], refused="not an Excel workbook")
    yield HostileFile("empty.xlsx", b"", refused="not an Excel workbook")
    yield HostileFile("no-cells.xlsx", workbook([]), refused="empty")
    yield HostileFile(
        "password.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), refused="password"
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("letter.txt", "my parcel")
    yield HostileFile("archive.xlsx", archive.getvalue(), refused="Excel workbook")
    yield HostileFile("blank-cells.xlsx", workbook([*rows, ("  ", "late parcel")]), rejected=1)
    values = [12.5, True, NOON]
    yield HostileFile(
        "values.xlsx",
        workbook([*rows, *[(value, "late parcel") for value in values]]),
        [*TEXTS, "12.5", "true", "2026-03-04T12:00:00"],
    )
    yield HostileFile(
        "wide-row.xlsx",
        workbook([*rows, ("my parcel", "late parcel", "x")]),
        [*TEXTS, "my parcel"],
    )
    yield HostileFile(
        "escaped.xlsx",
        workbook([*rows, ("my_x000D_ parcel", "late parcel")]),
        [*TEXTS, "my\r parcel"],
    )
    yield HostileFile("blank-rows.xlsx", workbook([rows[0], (), (), *rows[1:], ()]))
    hidden = workbook(rows, hide_first_sheet)
    yield HostileFile("hidden-sheet.xlsx", hidden)


def hide_first_sheet(book: Any) -> None:
    """Put a hidden sheet in front."""
    sheet = book.create_sheet("notes", 0)
    sheet.append(["not", "the table"])
    sheet.sheet_state = "hidden"


def plain_texts() -> Iterator[HostileFile]:
    lines = "".join(f"{text}\n" for text in TEXTS)
    for name, content in {
        "plain": lines.encode(),
        "bom": lines.encode("utf-8-sig"),
        "utf-16": lines.encode("utf-16"),
        "cr": lines.replace("\n", "\r").encode(),
        "blank-lines": lines.replace("\n", "\r\n\n").encode(),
    }.items():
        yield HostileFile(f"{name}.txt", content, labelled=False)
    yield HostileFile("nul.txt", lines.encode() + b"my\0parcel\n", rejected=1, labelled=False)
    yield HostileFile("empty.txt", b"", [], labelled=False)


def compressed_files() -> Iterator[HostileFile]:
    data = table().encode()
    compress: dict[str, Callable[[bytes], bytes]] = {
        "gz": lambda data: gzip.compress(data, mtime=0),
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "zst": zstandard,
    }
    for name, function in compress.items():
        whole = function(data)
        yield HostileFile(f"whole.csv.{name}", whole)
        yield HostileFile(f"cut-off.csv.{name}", whole[:-5], refused="cannot be read")
        yield HostileFile(f"plain.csv.{name}", data, refused="cannot be read")
        yield HostileFile(f"nothing.csv.{name}", b"", refused="cannot be read|is empty")
    two = gzip.compress(data, mtime=0) + gzip.compress(b"my parcel,late parcel\n", mtime=0)
    yield HostileFile("two-members.csv.gz", two, [*TEXTS, "my parcel"])
    middle = bytearray(lzma.compress(data * 50))
    middle[len(middle) // 2] ^= 0xFF
    yield HostileFile("changed.csv.xz", bytes(middle), refused="cannot be read")


def write_secret(path: Path) -> None:
    """Write a file that nobody may read."""
    path.write_bytes(table().encode())
    path.chmod(0)


def odd_paths() -> Iterator[HostileFile]:
    def link(path: Path) -> None:
        target = path.with_name("target.csv")
        target.write_bytes(table().encode())
        path.symlink_to(target)

    yield HostileFile("link.csv", link)
    yield HostileFile(
        "nowhere.csv",
        lambda path: path.symlink_to("gone.csv"),
        refused="no such file",
        uploaded=False,
    )
    yield HostileFile(
        "loop.csv", lambda path: path.symlink_to(path.name), refused="loop.csv", uploaded=False
    )
    yield HostileFile("folder.csv", lambda path: path.mkdir(), refused="folder", uploaded=False)
    if os.geteuid():  # root reads every file
        yield HostileFile("secret.csv", write_secret, refused="no permission", uploaded=False)
    yield HostileFile("a b'ü\u200b,;$(x).csv", table().encode())
    yield HostileFile("UPPER.CSV", table().encode())

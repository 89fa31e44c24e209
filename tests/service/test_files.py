"""A file that is sent comes back as the command line would have written it."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from inside import ask
from openpyxl import Workbook, load_workbook

from textshot.cli import main
from textshot.client.wire import reason_of_last_line

WORDS = ("match", "soup", "court", "train") * 50
ROWS = [f"{i},the {word} number {i}" for i, word in enumerate(WORDS)]
CSV = "\n".join(["id,text", *ROWS, ""]).encode()
OCTETS = {"Content-Type": "application/octet-stream"}


def by_command(folder: Path, name: str, data: bytes, output: str, *more: str) -> bytes:
    source, target = folder.parent / name, folder.parent / output
    source.write_bytes(data)
    words = ["categorize", str(folder), str(source), "-o", str(target), *more]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return target.read_bytes()


async def send(client, data: bytes, request_id: str = "f1", **query):
    headers = {**OCTETS, "X-Request-ID": request_id}
    return await client.post("/v1/files", params=query, content=data, headers=headers)


@pytest.mark.parametrize("output", ["csv", "tsv", "jsonl"])
def test_the_rows_are_those_of_the_command(folder: Path, output: str):
    async def body(client, service):
        return await send(client, CSV, name="inbox.csv", output=output)

    answer = ask({"news": folder}, body)
    assert answer.status_code == 200, answer.text
    assert answer.content == by_command(folder, "inbox.csv", CSV, f"out.{output}")
    named = f'attachment; filename="inbox-categorised.{output}"'
    assert answer.headers["Content-Disposition"] == named


def test_parquet_and_excel_come_back_whole(folder: Path):
    async def body(client, service):
        return [await send(client, CSV, name="in.csv", output=o) for o in ("parquet", "xlsx")]

    parquet, excel = ask({"news": folder}, body)
    expected = by_command(folder, "in.csv", CSV, "out.parquet")
    assert pq.read_table(io.BytesIO(parquet.content)).equals(pq.read_table(io.BytesIO(expected)))
    sheet = load_workbook(io.BytesIO(excel.content)).active
    assert [cell.value for cell in sheet[1]] == ["id", "text", "label", "score", "margin"]
    assert sheet.max_row == len(ROWS) + 1


def test_a_workbook_comes_back_with_all_its_sheets(folder: Path):
    workbook = Workbook()
    workbook.active["A1"] = "cover"
    sheet = workbook.create_sheet("Data")
    for row in (["Report"], ["text", "n"], ["bread and soup", 1]):
        sheet.append(row)
    stream = io.BytesIO()
    workbook.save(stream)

    async def body(client, service):
        query = {"name": "in.xlsx", "sheet": "Data", "header_row": 2}
        return await send(client, stream.getvalue(), **query)

    answer = ask({"news": folder}, body)
    assert answer.status_code == 200, answer.text
    answered = load_workbook(io.BytesIO(answer.content))
    assert answered.sheetnames == ["Sheet", "Data"]
    rows = list(answered["Data"].iter_rows(values_only=True))
    assert rows[1] == ("text", "n", "label", "score", "margin")
    assert rows[2][:3] == ("bread and soup", 1, "food")


def test_a_file_can_be_sent_in_any_format(folder: Path):
    sent = {
        "in.jsonl": b'{"text": "bread and soup"}\n',
        "in.tsv": b"text\nbread and soup\n",
        "in.txt": b"bread and soup\n",
        "in.parquet": by_command(folder, "x.csv", b"text\nbread and soup\n", "x.parquet"),
        "in.xlsx": by_command(folder, "x.csv", b"text\nbread and soup\n", "x.xlsx"),
    }

    async def body(client, service):
        return [await send(client, d, name=n, output="jsonl") for n, d in sent.items()]

    for answer in ask({"news": folder}, body):
        assert answer.status_code == 200, answer.text
        assert '"food"' in answer.text


@pytest.mark.filterwarnings("ignore::textshot.errors.TableWarning")
def test_options_are_those_of_the_command(folder: Path):
    data = b"subject;message\nhello;bread and soup\n"

    async def body(client, service):
        query = {"name": "in.csv", "text_column": ["subject", "message"], "threshold": "none"}
        return await send(client, data, **query)

    words = ("--text-column", "subject,message", "--threshold", "none")
    answer = ask({"news": folder}, body)
    assert answer.content == by_command(folder, "in.csv", data, "out.csv", *words)


def test_invalid_rows_are_reported_by_line(folder: Path):
    data = b"text\nbread and soup\n\xff\xfe\nthe match\n"

    async def body(client, service):
        answer = await send(client, data, "mine", name="in.csv")
        return answer, (await client.get("/v1/files/mine")).json()

    answer, progress = ask({"news": folder}, body)
    assert len(answer.content.splitlines()) == 3
    assert (progress["state"], progress["rows"], progress["rejected"], progress["fraction"]) == (
        "done",
        3,
        1,
        1.0,
    )
    assert [p["line"] for p in progress["problems"]] == [3]
    assert (
        "UTF-8" in progress["problems"][0]["reason"] or "utf-8" in progress["problems"][0]["reason"]
    )


@pytest.mark.parametrize(
    ("query", "data", "message"),
    [
        ({"name": "in.csv"}, b"a,b\n1,2\n", "not known which of the columns"),
        ({"name": "in.csv", "text_column": "x"}, CSV, "not known which of the columns"),
        ({"name": "in.csv"}, b"", "the file is empty"),
        ({"name": "in.parquet"}, CSV, "cannot be read as Parquet"),
        ({"name": "in.xlsx"}, CSV, "not an Excel workbook"),
        ({"name": "in.csv.gz"}, CSV, "cannot be read"),
        ({"name": "in.doc"}, CSV, "Add format=: csv, tsv"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(folder, query, data, message):
    async def body(client, service):
        return await send(client, data, **query)

    answer = ask({"news": folder}, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unreadable_file")
    assert message in answer.json()["error"]["message"]
    assert str(folder.parent) not in answer.text


def damaged(data: bytes) -> bytes:
    """Return a compressed file that ends too early."""
    return gzip.compress(data)[:-4]


@pytest.mark.parametrize("output", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_a_small_file_that_breaks_off_is_refused(folder: Path, output: str):
    async def body(client, service):
        answer = await send(client, damaged(CSV), "d1", name="in.csv.gz", output=output)
        return answer, (await client.get("/v1/files/d1")).json()

    answer, progress = ask({"news": folder}, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unreadable_file")
    assert "cannot be read after line 201" in answer.json()["error"]["message"]
    assert progress["state"] == "failed"
    assert progress["error"] == answer.json()["error"]["message"]


@pytest.mark.parametrize("output", ["csv", "tsv", "jsonl"])
def test_the_last_line_of_a_longer_output_says_that_it_is_not_complete(folder: Path, output: str):
    data = b"id,text\n" + b"\n".join(line.encode() for line in ROWS * 50)

    async def body(client, service):
        answer = await send(client, damaged(data), "d2", name="in.csv.gz", output=output)
        return answer, (await client.get("/v1/files/d2")).json()

    answer, progress = ask({"news": folder}, body)
    assert answer.status_code == 200
    *rows, last = answer.text.splitlines()
    assert len(rows) == len(ROWS) * 50 + (output != "jsonl") - 1  # the last row has no line end
    reason = reason_of_last_line(answer.content)
    assert "cannot be read after line" in reason
    assert "rows after this line are missing" in reason
    assert reason.startswith(progress["error"])
    if output == "jsonl":
        assert json.loads(last)["error"]["request_id"] == "d2"
    else:
        assert next(csv.reader([last])) == [f"textshot error: {reason}"]


@pytest.mark.parametrize("output", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_file_most_of_whose_rows_are_invalid_is_refused(folder: Path, output: str):
    data = b"text\nbread and soup\n" + 3 * "caf\u00e9\n".encode("cp1252")

    async def body(client, service):
        refused = await send(client, data, "m1", name="in.csv", output=output)
        progress = (await client.get("/v1/files/m1")).json()
        query = {"name": "in.csv", "output": output, "allow_rejected": True}
        return refused, progress, await send(client, data, "m2", **query)

    refused, progress, allowed = ask({"news": folder}, body)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (422, "rejected_rows")
    assert error["message"].startswith(
        "3 of 4 rows were rejected, most often because: byte 0xe9 is not utf-8; if the file is in"
        " another encoding give encoding=cp1252. "
    )
    assert (progress["state"], progress["rejected"]) == ("failed", 3)
    assert [problem["line"] for problem in progress["problems"]] == [3, 4, 5]
    assert allowed.status_code == 200


def test_what_is_assumed_of_a_file_is_said_and_can_be_chosen(folder: Path):
    book, stream = Workbook(), io.BytesIO()
    for title, text in (("first", "bread and soup"), ("second sheet", "the match")):
        sheet = book.create_sheet(title)
        sheet.append(["text"])
        sheet.append([text])
    del book["Sheet"]
    book.save(stream)

    async def body(client, service):
        query = {"name": "in.xlsx", "output": "jsonl"}
        first = await send(client, stream.getvalue(), "s1", **query)
        assumed = (await client.get("/v1/files/s1")).json()
        second = await send(client, stream.getvalue(), "s2", sheet="second sheet", **query)
        chosen = (await client.get("/v1/files/s2")).json()
        header = await send(client, b"A list\ntext\nthe match\n", name="in.csv", header_row=2)
        return first, assumed, second, chosen, header

    first, assumed, second, chosen, header = ask({"news": folder}, body)
    assert '"bread and soup"' in first.text
    assert assumed["warnings"] == [
        "the file: only the sheet '...' is read, the first of 2. Choose with sheet="
    ]
    assert '"the match"' in second.text
    assert chosen["warnings"] == []
    assert header.text.startswith("text,label,score,margin\nthe match,sport,")


def test_requests_are_answered_beside_a_file(folder: Path):
    async def body(client, service):
        file = asyncio.create_task(send(client, CSV * 20, name="in.csv"))
        answers = []
        while not file.done():
            answer = await client.post("/v1/classify", json={"texts": ["bread and soup"]})
            answers.append(answer.status_code)
        return (await file).status_code, answers

    status, answers = ask({"news": folder}, body)
    assert status == 200
    assert set(answers) == {200}


def test_files_in_progress_are_limited(folder: Path):
    async def body(client, service):
        held = asyncio.Event()

        async def slowly():
            yield CSV
            await held.wait()

        headers = {**OCTETS, "X-Request-ID": "slow"}
        query = {"name": "in.csv"}
        first = asyncio.create_task(
            client.post("/v1/files", params=query, content=slowly(), headers=headers)
        )
        while (await client.get("/v1/files/slow")).is_error:
            await asyncio.sleep(0.01)
        refused = await send(client, CSV, "second", name="in.csv")
        reading = (await client.get("/v1/files/slow")).json()["state"]
        held.set()
        return (
            refused,
            reading,
            (await first).status_code,
            await send(client, CSV, "third", **query),
        )

    refused, reading, first, third = ask({"news": folder}, body, max_files=1)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_files")
    assert refused.headers["Retry-After"] == "5"
    assert (reading, first, third.status_code) == ("reading", 200, 200)


def test_a_file_beyond_the_limit_is_refused_before_it_is_kept(folder: Path):
    async def parts():
        for _ in range(100):
            yield b"x" * 1000

    async def body(client, service):
        with_length = await client.post("/v1/files", content=b"x" * 10_001, headers=OCTETS)
        without_length = await client.post("/v1/files", content=parts(), headers=OCTETS)
        return with_length, without_length

    for answer in ask({"news": folder}, body, max_file=10_000):
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
        assert "10,000 bytes" in answer.json()["error"]["message"]


def test_columns_are_given_where_that_of_the_texts_is_not_known(folder):
    content = b"ref,subject,body\n1,my lamp is dark,please come and repair it\n"

    async def body(client, service):
        query = {"name": "in.csv"}
        refused = await client.post("/v1/files", params=query, content=content)
        query |= {"text_column": refused.json()["error"]["columns"][2]}
        return refused.json()["error"], await client.post(
            "/v1/files", params=query, content=content
        )

    error, answer = ask({"shop": folder}, body)
    assert error["code"] == "unreadable_file"
    assert error["columns"] == ["ref", "subject", "body"]
    assert error["message"].endswith("Name it with text_column=")
    assert answer.status_code == 200

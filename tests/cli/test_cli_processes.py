"""What only a process of its own shows: terminals, pipes, signals, locks."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path

import pytest

from textshot import Engine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and terminals")

SECONDS = 60


def on_terminal(start, *arguments, columns=80, stdin=None):
    """Run with stdout, stderr and (unless given) stdin on a terminal; what it showed, and code."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm"}
    env.pop("COLUMNS", None)
    source = slave if stdin is None else stdin
    child = start(*arguments, stdin=source, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    shown = b""
    with suppress(OSError):  # EIO: the other side is closed
        while select.select([master], [], [], SECONDS)[0] and (part := os.read(master, 4096)):
            shown += part
    os.close(master)
    return shown.decode().replace("\r\n", "\n"), child.wait(SECONDS)


def wait_for(condition, child):
    end = time.monotonic() + SECONDS
    while not condition():
        assert child.poll() is None, "it ended too early"
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def a_shard_is_done():
    lines = Path("out.csv.run/shards.jsonl")
    return lines.exists() and lines.read_bytes().endswith(b"\n")


def test_without_texts_on_a_terminal_it_says_how_to_give_them(start, index):
    shown, code = on_terminal(start, "classify", index)
    assert code == 2
    assert shown.startswith("Usage: ")
    assert "no text. Give texts as arguments, --file FILE, or pipe them in" in shown


@pytest.mark.parametrize("columns", [60, 80])
def test_on_a_terminal_only_the_last_column_is_cut(start, index, columns):
    text = "my parcel has not come " * 10
    shown, code = on_terminal(start, "classify", index, text, columns=columns)
    assert code == 0
    header, line = shown.splitlines()
    [answer] = Engine.load(index).classify([text])
    assert header == "\x1b[1mlabel        score  margin  text\x1b[0m"
    assert line.startswith(f"late parcel  {answer.score:.3f}   {answer.margin:.3f}  my parcel has")
    assert line.endswith("…")
    assert len(line) == columns


def test_a_terminal_that_is_too_narrow_loses_no_column(start, index):
    shown, _ = on_terminal(start, "classify", index, "my parcel has not come", columns=20)
    assert "late parcel" in shown
    assert "score" in shown
    assert "margin" in shown


def test_a_progress_bar_is_shown_on_a_terminal_and_gone_at_the_end(start, index, inbox):
    shown, code = on_terminal(start, "categorize", index, inbox, "-o", "out.csv")
    assert code == 0
    assert "categorizing" in shown
    after = shown[shown.rindex("\x1b[2K") :]  # the bar's line is cleared
    assert "categorizing" not in after
    assert "4 rows read, 3 written to out.csv" in after


def test_rows_on_a_terminal_are_not_mixed_with_a_bar(start, index, inbox):
    shown, code = on_terminal(start, "categorize", index, inbox)
    assert code == 0
    assert "categorizing" not in shown
    assert "\x1b[2K" not in shown
    assert shown.startswith("id,text,label,score,margin\n1,my parcel has not come,late parcel,")


def test_a_pipe_gets_no_colour_and_no_cut(start, index):
    text = "my parcel has not come " * 50
    out, err = start("classify", index, text).communicate(timeout=SECONDS)
    assert b"\x1b" not in out + err
    assert text.strip().encode() in out


def test_the_command_and_the_module_are_the_same(start, index):
    module = start("classify", index, "refund my money", "--json").communicate(timeout=SECONDS)
    script = Path(sys.executable).with_name("textshot")
    command = [script, "classify", index, "refund my money", "--json"]
    found = subprocess.run(command, capture_output=True, check=True, timeout=SECONDS)
    assert (found.stdout, found.stderr) == module
    assert json.loads(found.stdout)["label"] == "refund request"


def test_a_closed_pipe_ends_it_quietly(start, index):
    child = start("classify", index, "--json")
    child.stdin.write(b"my parcel\n" * 5000)
    child.stdin.close()
    assert json.loads(child.stdout.readline())["label"] == "late parcel"
    child.stdout.close()  # what `| head -1` does
    assert child.stderr.read() == b""
    assert child.wait(SECONDS) != 0


def test_a_closed_pipe_ends_categorize_quietly_too(start, index):
    Path("big.txt").write_text("my parcel\n" * 50_000)
    child = start("categorize", index, "big.txt")
    assert child.stdout.readline() == b"text,label,score,margin\n"
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(SECONDS) != 0
    assert sorted(p.name for p in Path().iterdir()) == ["big.txt", "index"]


def test_answers_come_while_the_input_is_still_open(start, index):
    child = start("classify", index, "--json")
    child.stdin.write(b"my parcel\n" * 1000)
    child.stdin.flush()
    assert json.loads(child.stdout.readline())["label"] == "late parcel"
    child.stdin.close()
    assert len(child.stdout.read().splitlines()) == 999
    assert child.wait(SECONDS) == 0


@pytest.mark.parametrize("there", [False, True])
def test_ctrl_c_in_the_middle_leaves_what_was_there(start, index, there):
    rows = 400_000
    Path("big.txt").write_text("".join(f"my parcel {i}\n" for i in range(rows)))
    if there:
        Path("out.csv").write_text("old")
    before = sorted(p.name for p in Path().iterdir())
    child = start("categorize", index, "big.txt", "-o", "out.csv")
    wait_for(a_shard_is_done, child)  # in the middle
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=SECONDS)
    assert child.returncode == 1
    assert out == b""
    assert [line.strip() for line in err.decode().splitlines() if line] == [
        "stopped: progress is saved. To resume:",
        "textshot categorize index big.txt -o out.csv",
        "Aborted!",
    ]
    assert sorted(p.name for p in Path().iterdir()) == sorted([*before, "out.csv.run"])
    if there:
        assert Path("out.csv").read_text() == "old"


def test_a_writer_in_another_process_is_waited_for(start, index):
    held = "import sys, pathlib; from textshot.index.disk.files import writers_lock\n"
    held += "with writers_lock(pathlib.Path('index')): print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    writer = start("labels", "add", index, "new")
    with pytest.raises(subprocess.TimeoutExpired, match="timed out"):
        writer.wait(1.5)
    holder.communicate(timeout=SECONDS)
    out, err = writer.communicate(timeout=SECONDS)
    assert (out, err) == (
        b"index: 6 categories, 5 examples, generation 2\nthreshold: 0.250 (given)\n",
        b"",
    )


def test_a_disk_without_room_keeps_the_old_index(start, index, categories):
    resource = pytest.importorskip("resource")
    before = Engine.load(index).categories

    def small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    command = ["index", categories, "-o", index, "--encoder", "hashing"]
    child = start(*command, preexec_fn=small_files_only)
    out, err = child.communicate(timeout=SECONDS)
    assert child.returncode == 1
    assert out == b""
    assert err.startswith(b"Error: cannot write the index index: File too large.")
    assert Engine.load(index).categories == before
    assert not list(Path(index).glob(".tmp-*"))


def test_a_closed_stream_is_no_traceback(index):
    for redirection in ("<&-", ">&-", "2>&-"):
        command = f'"{sys.executable}" -m textshot classify {index} "my money" {redirection}'
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    empty = f'"{sys.executable}" -m textshot classify {index} <&-'
    done = subprocess.run(["sh", "-c", empty], capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["label  score  margin  text"])


@pytest.mark.parametrize("times", [1, 50])
def test_sigterm_stops_as_cleanly_as_ctrl_c(start, index, times):
    Path("big.csv").write_text("text\n" + "my parcel has not come\n" * 400_000)
    Path("out.csv").write_text("old\n")
    child = start(
        "categorize", index, "big.csv", "-o", "out.csv",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(a_shard_is_done, child)
    for _ in range(times):
        child.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    _, err = child.communicate(timeout=SECONDS)
    assert child.returncode == 1, err
    assert b"stopped: progress is saved" in err
    assert Path("out.csv").read_text() == "old\n"
    assert not [path for path in Path().rglob("*") if ".tmp-" in path.name]

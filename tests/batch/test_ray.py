"""The same job on Ray: three nodes on this machine, one of which dies in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import pytest
from job_files import content, text_of, write_rows

from textshot.batch import categorize
from textshot.batch.ray import actors_for, import_ray
from textshot.batch.ray import categorize as answered
from textshot.errors import TableError, TextshotError
from textshot.testing import toy_engine

pytestmark = [
    # Ray's own, on its way out.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NODE = {"num_cpus": 3, "object_store_memory": 100 << 20}


@pytest.fixture(scope="module")
def cluster():
    """Three nodes of three CPUs each, as far as Ray knows."""
    ray = import_ray()
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as short:  # paths of sockets are
        os.environ["RAY_TMPDIR"] = short
        found = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        for _ in range(2):
            found.add_node(**NODE)
        found.wait_for_nodes()
        try:
            yield found
        finally:
            ray.shutdown()
            found.shutdown()
            del os.environ["RAY_TMPDIR"]


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an index and four files."""
    monkeypatch.chdir(tmp_path)
    for i in range(4):
        write_rows(f"in{i}.csv", 3_000)
    Path("in4.csv").write_text("id,body\n1,no text\n")
    return tmp_path


def parts(folder):
    return {name: data for name, data in content(folder).items() if name.startswith("part-")}


def test_ray_and_this_machine_write_the_same(cluster, engine, place):
    one = categorize(engine, "*.csv", "local/", shard_rows=250)
    told = []
    two = categorize(
        engine, "*.csv", "ray/", shard_rows=250, cluster=cluster.address,
        on_progress=lambda rows, share: told.append((rows, share)),
    )  # fmt: skip
    assert one.tally == two.tally
    assert one.failed == two.failed
    assert one.fingerprint == two.fingerprint
    assert one.failed[0][0] == "in4.csv"
    assert parts("local") == parts("ray")
    assert len(parts("ray")) == 48
    rejects = [Path(folder, "_textshot/rejects.csv").read_bytes() for folder in ("local", "ray")]
    assert rejects[0] == rejects[1]
    assert sum(rows for rows, _ in told) == two.read == 12_000


def test_a_node_that_dies_in_the_middle_loses_and_doubles_nothing(cluster, engine, place):
    categorize(engine, "*.csv", "local/", shard_rows=100)
    victims = [cluster.add_node(**NODE)]
    cluster.wait_for_nodes()
    done = []

    def advance(rows, share):
        done.append(rows)
        if len(done) > 30 and victims:
            cluster.remove_node(victims.pop(), allow_graceful=False)

    report = categorize(
        engine, "*.csv", "ray/", shard_rows=100, cluster=cluster.address, on_progress=advance
    )
    assert not victims
    assert report.read == 12_000
    assert parts("local") == parts("ray")


DRIVER = """
import sys
from textshot.batch import categorize
from textshot.testing import toy_engine
def told(rows, share):
    print(rows, flush=True)
categorize(
    toy_engine(threshold=0.25),
    "*.csv",
    "ray/",
    shard_rows=100,
    cluster=sys.argv[1],
    on_progress=told,
)
"""


def test_a_driver_that_is_killed_goes_on(cluster, engine, place):
    categorize(engine, "*.csv", "local/", shard_rows=100)
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, cluster.address], stdout=subprocess.PIPE, text=True
    ) as driver:
        told = iter(driver.stdout.readline, "")
        shards = (line for line in told if line != "0\n")  # of a file's end no row is told
        assert len(list(islice(shards, 20))) == 20
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    time.sleep(0.5)
    report = categorize(engine, "*.csv", "ray/", shard_rows=100, cluster=cluster.address)
    assert report.n_known >= 20
    assert report.read == 12_000
    assert parts("local") == parts("ray")


def test_a_run_that_began_on_ray_ends_here_and_the_other_way_round(cluster, engine, place):
    class Stop(Exception):
        pass

    def stop(rows, share):
        raise Stop

    with pytest.raises(Stop):
        categorize(engine, "*.csv", "a/", shard_rows=500, cluster=cluster.address, on_progress=stop)
    assert categorize(engine, "*.csv", "a/", shard_rows=500).n_known > 0
    with pytest.raises(Stop):
        categorize(engine, "*.csv", "b/", shard_rows=500, on_progress=stop)
    categorize(engine, "*.csv", "b/", shard_rows=500, cluster=cluster.address)
    assert parts("a") == parts("b")


def test_a_dataset_gets_the_answers_as_columns(cluster, engine, place):
    ray = import_ray()
    if not ray.is_initialized():
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    texts = [text_of(i) for i in range(1000)]
    data = ray.data.from_items([{"text": text, "label": i} for i, text in enumerate(texts)])
    found = answered(data, engine, n_actors=2).to_pandas().sort_values("label")
    predictions = engine.classify(texts)
    assert list(found["label_textshot"]) == [p.label or "unknown" for p in predictions]
    assert list(found["score"]) == [round(p.score, 6) for p in predictions]
    assert actors_for(ray) == ray.cluster_resources()["CPU"] - 1


LOCKED = """
import os, secrets, subprocess, sys
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
from textshot.batch.ray import import_ray
import_ray()
from ray.cluster_utils import Cluster
node = {"num_cpus": 2, "object_store_memory": 100 << 20, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=node)
words = [sys.executable, "-m", "textshot", "categorize", "index", "in0.csv", "--runner", "ray"]
words += ["--ray-address", cluster.address, "--encoder", "hashing", "-o"]
for name, token in (("right/", os.environ["RAY_AUTH_TOKEN"]), ("wrong/", "w" * 64)):
    done = subprocess.run(
        [*words, name], env={**os.environ, "RAY_AUTH_TOKEN": token}, capture_output=True, text=True
    )
    print(name, done.returncode, done.stderr.splitlines()[-1])
cluster.shutdown()
"""


def test_a_cluster_that_asks_for_a_token(engine, place):
    engine.save("index")
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as short:
        environment = {**os.environ, "RAY_TMPDIR": short}
        command = [sys.executable, "-c", LOCKED]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    right, wrong = done.stdout.splitlines()
    assert right == "right/ 0 summary: right/_textshot/summary.html"
    assert wrong.startswith("wrong/ 1 Error: Ray cannot be reached at ")
    assert wrong.endswith("its token where it has one (RAY_AUTH_MODE, RAY_AUTH_TOKEN)")
    assert len(parts("right")) == 1
    assert not Path("wrong").exists()


def test_what_goes_wrong_on_a_node_is_said_as_it_is_here(cluster, engine, place, monkeypatch):
    with pytest.raises(TableError, match="the first rows of an input are no work for a cluster"):
        categorize(engine, "*.csv", "ray/", cluster=cluster.address, limit=5)
    with pytest.raises(TextshotError, match=r"Ray cannot be reached at 127\.0\.0\.1:1: "):
        categorize(engine, "*.csv", "ray/", cluster="127.0.0.1:1")

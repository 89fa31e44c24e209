"""The same job on Ray: three nodes on this machine, one of which dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from job_files import content, text_of, write_rows

from textshot.batch import categorize, categorize_frame
from textshot.batch.ray import import_ray, n_actors
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
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        for _ in range(2):
            cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        try:
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
            del os.environ["RAY_TMPDIR"]


@pytest.fixture
def engine():
    return toy_engine(threshold=0.25)


def write_inputs():
    for i in range(4):
        write_rows(f"in{i}.csv", 3_000)
    Path("in4.csv").write_text("id,body\n1,no text\n")


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """A folder with five files; the last has no text column."""
    monkeypatch.chdir(tmp_path)
    write_inputs()


def parts(folder):
    return {name: data for name, data in content(folder).items() if name.startswith("part-")}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The parts of a local run over the same files in shards of 100 rows."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("local"))
        write_inputs()
        categorize(toy_engine(threshold=0.25), "*.csv", "local/", shard_rows=100)
        return parts("local")


def test_ray_and_this_machine_write_the_same(cluster, engine, inputs):
    one = categorize(engine, "*.csv", "local/", shard_rows=250)
    progress = []
    two = categorize(
        engine, "*.csv", "ray/", shard_rows=250, runner="ray", ray_address=cluster.address,
        on_progress=lambda rows, share: progress.append((rows, share)),
    )  # fmt: skip
    assert one.tally == two.tally
    assert one.failed == two.failed
    assert one.fingerprint == two.fingerprint
    assert one.failed[0][0] == "in4.csv"
    assert parts("local") == parts("ray")
    assert len(parts("ray")) == 48
    rejects = [Path(folder, "_textshot/rejects.csv").read_bytes() for folder in ("local", "ray")]
    assert rejects[0] == rejects[1]
    assert sum(rows for rows, _ in progress) == two.read == 12_000


def test_a_node_that_dies_in_the_middle_loses_and_doubles_nothing(
    cluster, engine, inputs, expected
):
    victims = [cluster.add_node(**NODE)]
    cluster.wait_for_nodes()
    done = []

    def advance(rows, share):
        done.append(rows)
        if len(done) > 30 and victims:
            cluster.remove_node(victims.pop(), allow_graceful=False)

    report = categorize(
        engine,
        "*.csv",
        "ray/",
        shard_rows=100,
        runner="ray",
        ray_address=cluster.address,
        on_progress=advance,
    )
    assert not victims
    assert report.read == 12_000
    assert parts("ray") == expected


DRIVER = """
import sys
from textshot.batch import categorize
from textshot.testing import toy_engine
categorize(
    toy_engine(threshold=0.25),
    "*.csv",
    "ray/",
    shard_rows=100,
    runner="ray",
    ray_address=sys.argv[1],
)
"""


def n_finished(folder):
    """How many shards the log of a run holds; a line that is being written does not count."""
    log = Path(folder, "_textshot/shards.jsonl")
    lines = log.read_text().split("\n")[:-1] if log.exists() else []
    return sum("shard" in json.loads(line) for line in lines)


def test_a_driver_that_is_killed_resumes(cluster, engine, inputs, expected):
    command = [sys.executable, "-c", DRIVER, cluster.address]
    with subprocess.Popen(command) as driver:
        while n_finished("ray") < 20:
            assert driver.poll() is None
            time.sleep(0.02)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    finished = n_finished("ray")
    report = categorize(
        engine, "*.csv", "ray/", shard_rows=100, runner="ray", ray_address=cluster.address
    )
    assert report.n_resumed == finished
    assert report.read == 12_000
    assert parts("ray") == expected


def test_a_run_that_began_on_ray_ends_here_and_the_other_way_round(cluster, engine, inputs):
    class Stop(Exception):
        pass

    def stop(rows, share):
        raise Stop

    with pytest.raises(Stop):
        categorize(
            engine,
            "*.csv",
            "a/",
            shard_rows=500,
            runner="ray",
            ray_address=cluster.address,
            on_progress=stop,
        )
    assert categorize(engine, "*.csv", "a/", shard_rows=500).n_resumed > 0
    with pytest.raises(Stop):
        categorize(engine, "*.csv", "b/", shard_rows=500, on_progress=stop)
    categorize(engine, "*.csv", "b/", shard_rows=500, runner="ray", ray_address=cluster.address)
    assert parts("a") == parts("b")


def test_a_ray_pipeline_can_categorize_its_tables(cluster, engine, inputs):
    class Categorizer:  # here, so that it travels by value
        def __init__(self):
            self.engine = toy_engine(threshold=0.25)

        def __call__(self, table):
            return categorize_frame(table, self.engine)

    ray = import_ray()
    if not ray.is_initialized():
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    compute = ray.data.ActorPoolStrategy(size=1)
    data = ray.data.from_items([{"text": text_of(i)} for i in range(500)])
    answered = data.map_batches(Categorizer, batch_format="pyarrow", compute=compute).to_pandas()
    predictions = engine.classify(list(answered["text"]))
    assert list(answered["label"]) == [p.label or "unknown" for p in predictions]


def test_one_cpu_in_eight_reads_and_writes():
    class OfCpus:
        def __init__(self, n):
            self.n = n

        def cluster_resources(self):
            return {"CPU": float(self.n)}

    assert [n_actors(OfCpus(n)) for n in (1, 2, 8, 16)] == [1, 1, 7, 14]


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


@pytest.mark.slow
def test_a_cluster_that_asks_for_a_token(engine, inputs):
    engine.save("index")
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as short:
        environment = {**os.environ, "RAY_TMPDIR": short}
        command = [sys.executable, "-c", LOCKED]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    right, wrong = done.stdout.splitlines()
    assert right == "right/ 0 summary: right/_textshot/summary.html"
    assert wrong.startswith("wrong/ 1 Error: Ray cannot be reached at ")
    assert wrong.endswith("its token if it has one (RAY_AUTH_MODE, RAY_AUTH_TOKEN)")
    assert len(parts("right")) == 1
    assert not Path("wrong").exists()


def test_what_goes_wrong_on_a_node_is_reported_as_it_is_here(cluster, engine, inputs, monkeypatch):
    with pytest.raises(TableError, match="limit does not work with runner ray"):
        categorize(engine, "*.csv", "ray/", runner="ray", ray_address=cluster.address, limit=5)
    with pytest.raises(TextshotError, match=r"Ray cannot be reached at 127\.0\.0\.1:1: "):
        categorize(engine, "*.csv", "ray/", runner="ray", ray_address="127.0.0.1:1")

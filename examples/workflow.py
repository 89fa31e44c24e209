"""Categorise the inbox of a day in a workflow task: python examples/workflow.py DAY FOLDER.

Needs luigi: pip install luigi. The job writes aside, renames and resumes where it was interrupted,
so running the task again after a crash loses no work and repeats none.
"""

import sys
from pathlib import Path

import luigi

from textshot import Engine
from textshot.batch import categorize

HERE = Path(__file__).parent


class Inbox(luigi.ExternalTask):
    """The incoming rows, written by another system."""

    day = luigi.Parameter()
    folder = luigi.Parameter()

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(Path(self.folder) / f"inbox-{self.day}.csv")


class Categorised(luigi.Task):
    """The same rows with their categories."""

    day = luigi.Parameter()
    folder = luigi.Parameter()

    def requires(self) -> Inbox:
        return Inbox(self.day, self.folder)

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(Path(self.folder) / f"categorised-{self.day}.csv")

    def run(self) -> None:
        engine = Engine.load(HERE.parent / "indexes" / "support")
        report = categorize(engine, self.input().path, self.output().path)
        print(f"{self.day}: {report.written} of {report.read} rows written")


def main() -> None:
    day, folder = sys.argv[1:3]
    if not luigi.build([Categorised(day, folder)], local_scheduler=True, log_level="WARNING"):
        sys.exit(1)


if __name__ == "__main__":
    main()

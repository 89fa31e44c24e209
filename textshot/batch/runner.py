"""A run from its first shard that is not done to its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from textshot.batch.options import JobOptions, OnCounts, OnProgress
from textshot.batch.outputs import Output
from textshot.batch.plan import Plan
from textshot.batch.run_log import Key, Line, Run, end_line, shard_line
from textshot.batch.run_report import Report, facts_of
from textshot.batch.shards import End, Shard, events
from textshot.batch.tally import Tally
from textshot.batch.worker import Worker
from textshot.batch.worker_pool import in_order, processes_for
from textshot.errors import TableError


@dataclass
class Doing:
    """A run that is begun, and what it takes to end it."""

    run: Run
    place: Output
    plan: Plan
    worker: Worker
    options: JobOptions
    on_progress: OnProgress
    on_counts: OnCounts

    def go(self) -> Report:
        """Do what is left."""
        n_known, lines = len(self.run.done), self._lines()
        counts = Counter[str]()
        for tally in self.run.tallies():
            counts.update(tally.counts)
        with closing(lines):
            for line in lines:
                self.run.commit(line)
                if "tally" in line:
                    counts.update(line["tally"]["counts"])
                    self.on_counts(counts)
        return self._finish(n_known)

    def _lines(self) -> Generator[Line, None, None]:
        """Answer what is left, shard by shard."""
        run, chosen = self.run, self.options.choice
        if self.options.cluster is not None:
            yield from self._lines_of_ray(self.options.cluster)
            return
        rows = self.options.shard_rows
        read = events(self.plan, rows, over=run.rows_of_ends(), chosen=chosen)
        encoder = self.worker.engine.encoder
        processes = self.options.processes or processes_for(encoder, self.plan.offsets[-1])
        left = in_order(self.worker, read, lambda shard: shard.key in run.done, processes)
        with closing(left):
            for event, answers in left:
                if isinstance(event, End):
                    yield end_line(event.place, event.n_shards, event.broken)
                elif answers is not None:
                    data, tally = answers
                    part = self.place.put(event.key, data, run.fingerprint)
                    self.place.write_rejects(event.key, event.rejects)
                    yield shard_line(event.key, event.n_read, tally, part)
                self._tell(event, is_new=answers is not None)

    def _lines_of_ray(self, cluster: str) -> Iterator[Line]:
        from textshot.batch import ray

        run, n_files = self.run, len(self.plan.sources)
        ray.connect(cluster)
        for line, rejects in ray.run_shards(
            self.worker,
            self.plan,
            self.place,
            note=run.fingerprint,
            rows=self.options.shard_rows,
            chosen=self.options.choice,
            done=frozenset(run.done),
            places=[place for place in range(n_files) if place not in run.ends],
        ):
            if rejects:
                self.place.write_rejects((line["place"], line["number"]), rejects)
            yield line
            self.on_progress(line.get("read", 0), len(run.ends) / n_files)

    def _tell(self, event: Shard | End, *, is_new: bool) -> None:
        start, end = self.plan.offsets[event.place : event.place + 2]
        share = 1.0 if isinstance(event, End) else event.fraction or 0.0
        rows = event.n_read if isinstance(event, Shard) and is_new else 0
        self.on_progress(rows, (start + share * (end - start)) / max(1, self.plan.offsets[-1]))

    def _finish(self, n_known: int) -> Report:
        run, place = self.run, self.place
        keys = sorted(run.done)
        tally = Tally()
        for counted in run.tallies():
            tally += counted
        failed = [
            (self.plan.sources[i].path, broken)
            for i, (_, broken) in sorted(run.ends.items())
            if broken
        ]
        if len(failed) == len(self.plan.sources) and not tally.read:
            raise TableError(failed[0][1])
        parts = [key for key in keys if run.done[key].part is not None]
        schema = self.worker.schema(self.plan.schema)
        place.close(parts, schema, run.fingerprint)
        n_rejected = place.close_rejects(keys)
        self._check_sum(keys, tally, n_rejected)
        report = Report(
            tally=tally,
            columns=dict(self.worker.names) | dict(self.worker.metadata),
            text_columns=tuple(self.plan.text_columns),
            failed=failed,
            rejects_path=place.rejects if n_rejected else None,
            adaptation=self.worker.engine.index.state.adaptation,
            threshold=self.worker.engine.decision.threshold,
            fingerprint=run.fingerprint,
            n_known=n_known,
            run=run.folder,
            about=facts_of(self.worker, run.identity),
        )
        run.finish(report.record() | place.about())
        if not failed:  # else the same call tries again, with what is done
            place.clean()
        return report

    def _check_sum(self, keys: Sequence[Key], tally: Tally, n_rejected: int) -> None:
        n_read = sum(self.run.done[key].read for key in keys)
        if n_read != tally.written + n_rejected:
            raise TableError(
                f"{self.place.path}: {n_read} rows were read, but {tally.written} written and"
                f" {n_rejected} rejected. Begin anew with --restart, and report this please"
            )

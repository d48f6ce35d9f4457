"""The collector: takes out of the store what need not be kept. Any number may run at once, and die at any point.

A job's data goes when its time has passed (`Keep`), and at once when the job is deleted. What no job refers to, left by
workers that died or were fenced off, goes a day after it was written: longer than any step may run.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from workers.jobs import Keep
from workers.jobs.batches import Batches
from workers.jobs.removal import Receipt
from workers.runtime import Runtime

logger = logging.getLogger(__name__)

_BATCH = 500
# Nobody is that long about handing in a batch.
_ABANDONED_S = 3600.0


@dataclass(frozen=True, slots=True)
class Collected:
    """What one round took out of the store."""

    removals: int = 0
    orphans: int = 0
    bytes: int = 0


class Collector:
    """Removes data by the settings of a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        chosen = runtime.settings
        self.keep = Keep(
            audio_days=chosen.keep_audio_days,
            features_days=chosen.keep_features_days,
            emissions_days=chosen.keep_emissions_days,
            text_days=chosen.keep_text_days,
        )

    def collect_when_due(self) -> Collected | None:
        """A round, unless this or another process had one within `collect_s`."""
        if not self.runtime.jobs.begin_chore("collect", self.runtime.settings.collect_s):
            return None
        return self.collect()

    def collect(self) -> Collected:
        """One round.

        Raises:
            DatabaseAway, ResourceBusy: the rest is left to the next one.
        """
        Batches(self.runtime.database).seal_abandoned(_ABANDONED_S)
        removals = freed = 0
        while receipts := self.runtime.jobs.remove_due(self.keep):
            for receipt in receipts:
                self._follow(receipt)
                freed += sum(file.size_bytes for file in receipt.files)
            removals += len(receipts)
        for receipt in self.runtime.jobs.unfinished_removals():
            self._follow(receipt)
        orphans = self._remove_orphans()
        made = Collected(removals, len(orphans), freed + sum(orphans.values()))
        logger.info("collect.done", extra={"removals": made.removals, "orphans": made.orphans, "bytes": made.bytes})
        return made

    def delete(self, job_id: str) -> Receipt:
        """Delete everything that a job held; the receipt, finished.

        Raises:
            JobNotFound: there is no such job.
            ResourceBusy: the rows are empty, and the store will be when a collector has come by.
        """
        receipt = self.runtime.jobs.delete(job_id)
        self._follow(receipt)
        return next(each for each in self.runtime.jobs.receipts(job_id) if each.id == receipt.id)

    def _follow(self, receipt: Receipt) -> None:
        if receipt.reason == "request":
            # What a worker wrote that was fenced off a moment ago goes along.
            self.runtime.store.delete_job(receipt.job_id)
        self.runtime.store.remove(file.key for file in receipt.files)
        self.runtime.jobs.finish_removal(receipt)

    def _remove_orphans(self) -> dict[str, int]:
        removed: dict[str, int] = {}
        old = self._old_files()
        while sizes := dict(islice(old, _BATCH)):
            orphans = sizes.keys() - self.runtime.jobs.referenced(sizes.keys())
            self.runtime.store.remove(orphans)
            removed |= {key: sizes[key] for key in orphans}
        return removed

    def _old_files(self) -> Iterator[tuple[str, int]]:
        written_before = time.time() - self.runtime.settings.orphan_after_s
        for entry in self.runtime.store.entries():
            if entry.written_at < written_before:
                yield entry.key, entry.size_bytes

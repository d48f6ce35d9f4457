"""Commands that look after what is kept: delete a job's data, collect what need not be kept."""

from dataclasses import asdict
from datetime import datetime

from workers.cli.jobs import AsJson, JobId
from workers.cli.remote import open_door
from workers.cli.session import open_client
from workers.cli.tables import print_json
from workers.collect import Collector
from workers.jobs.removal import Receipt
from workers.remote import Deletion


def delete(job_id: JobId, as_json: AsJson = False) -> None:
    """Delete everything that a job held, and print the receipt; a job that has not ended is canceled first.

    Recording, intermediate results, transcript, names and notes go. The job stays in the list, empty, with the hashes
    of what was deleted.
    """
    with open_door() as client:
        receipt = client.delete(job_id)
    print_json(asdict(receipt)) if as_json else _print_receipt(receipt)


def collect(as_json: AsJson = False) -> None:
    """Remove what need not be kept now, as the dispatcher does every few minutes.

    That is data past its time (VOXQUEUE_KEEP_AUDIO_DAYS, ..._FEATURES_DAYS, ..._EMISSIONS_DAYS, ..._TEXT_DAYS) and
    files that no job refers to.
    """
    with open_client() as client:
        made = Collector(client.runtime).collect()
    if as_json:
        print_json(asdict(made))
        return
    print(f"{made.removals} removals, {made.orphans} files of no job, {made.bytes / 1024**2:.1f} MiB")


def _print_receipt(receipt: Receipt | Deletion) -> None:
    at = datetime.fromtimestamp(receipt.at).astimezone().isoformat(timespec="seconds")
    print(f"deleted {receipt.job_id} at {at}")
    if isinstance(receipt, Deletion):
        print(f"  {receipt.files} files, {receipt.bytes} bytes")
        return
    for file in receipt.files:
        print(f"  {file.step:<12} {file.size_bytes:>12} bytes  sha256 {file.sha256}")
    for text in receipt.texts:
        print(f"  transcript   {text.size_bytes:>12} bytes  version {text.version}")

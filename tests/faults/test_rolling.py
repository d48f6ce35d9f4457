"""Workers of an earlier release beside those of this one, on one database and one broker (row 34 of docs/faults.md).

The earlier release is a commit of this repository; where that is not at hand (an archive, a shallow clone), this is
skipped. It has no stub for a model, so the real one hears a second of speech in each job.
"""

import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import checker
from tests.faults.cluster import QUICK, Servers
from tests.faults.processes import ROOT
from tests.faults.recordings import recording
from tests.faults.scene import ALL, wait_for
from workers.client import Client
from workers.db.migrate import current_revision, head_revision, upgrade
from workers.settings import Settings, environment_of
from workers.states import JobState, Outcome

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
# The first that kept jobs in a database: schema 0001, before keys, webhooks, sessions and retention.
EARLIER = "33c263966d1d6318d362c563ad9e2a1366caf06c"


@dataclass(frozen=True)
class Release:
    """Code in a folder, and how its programs are run."""

    folder: Path
    environment: dict[str, str]

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process of it, which is asked to end with the context and must do so well."""
        process = subprocess.Popen(self._command(arguments), cwd=self.folder, env=self.environment)
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
        finally:
            process.kill()
            process.wait()

    def run(self, *arguments: str) -> str:
        """What a command of it prints."""
        ran = subprocess.run(
            self._command(arguments), cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        )
        return ran.stdout.strip()

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "workers.cli", *arguments]


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the earlier release's code."""
    archive = tmp_path_factory.mktemp("earlier") / "release.tar"
    wanted = ["git", "archive", f"--output={archive}", EARLIER, "pipeline", "workers", "migrations"]
    if subprocess.run(wanted, cwd=ROOT, check=False, capture_output=True).returncode != 0:
        pytest.skip(f"commit {EARLIER} is not at hand")
    with tarfile.open(archive) as packed:
        packed.extractall(archive.parent, filter="data")
    return archive.parent


def test_jobs_end_once_while_one_release_takes_the_others_place(given: Servers, earlier: Path, tmp_path: Path) -> None:
    settings = Settings(
        **{  # type: ignore[arg-type]  # pydantic checks the types
            **QUICK,
            "home": tmp_path / "home",
            # Spelled out: to the earlier release, an empty one is the folder that it runs in.
            "artifacts": str(tmp_path / "artifacts"),
            "database_url": given.postgres.make_database("rolling"),
            "broker_url": f"redis://127.0.0.1:{given.proxy.port}/0",
        }
    )
    call = tmp_path / "call.wav"
    call.write_bytes(recording(0))
    environment = {**environment_of(settings), "PYTHONPATH": ""}
    old = Release(earlier, {**environment, "PYTHONPATH": str(earlier)})
    new = Release(ROOT, {**environment, "PYTHONPATH": os.fspath(ROOT)})
    old.run("migrate")

    def submit(release: Release) -> str:
        return release.run("submit", str(call)).split()[0]

    with Client(settings) as client, ExitStack() as later:
        database, jobs = client.runtime.database, client.runtime.jobs

        def ended(ids: Sequence[str]) -> Callable[[], bool]:
            return lambda: all(jobs.status(job_id).is_final for job_id in ids)

        with old.running("worker", "--queue", ALL, "--concurrency", "1"), old.running("dispatch"):
            ids = [submit(old) for _ in range(2)]
            assert current_revision(database) != head_revision()
            upgrade(database)
            ids.append(submit(new))
            wait_for(ended(ids), timeout_s=300)
            later.enter_context(new.running("worker", "--queue", ALL, "--concurrency", "1"))
            later.enter_context(new.running("dispatch"))
            ids += [submit(new) for _ in range(4)]
        wait_for(ended(ids), timeout_s=300)
        assert [jobs.status(job_id).state for job_id in ids] == [JobState.COMPLETED] * len(ids)
        texts = {client.result(job_id).text for job_id in ids}
        found = checker.read(database)
    # The releases do not hear alike, but both hear something.
    assert all(texts)
    assert len(found.transcripts) == len(ids) == len(found.jobs)
    done = [row.step_id for row in found.attempts if row.outcome == Outcome.DONE]
    assert len(done) == len(set(done)) == len(found.steps)

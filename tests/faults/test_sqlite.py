"""A process that is killed while it commits into SQLite, again and again (row 23 of docs/faults.md)."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.stages import STEPS
from tests.faults.processes import ROOT
from tests.integration.jobs.conftest import POLICY
from workers.db import migrate
from workers.db.session import Database
from workers.jobs import Jobs

pytestmark = pytest.mark.faults
KILLS = 4
# Takes jobs without end, and says so of each once it is committed.
TAKES = """
import sys
from tests.integration.jobs.conftest import POLICY, new_job
from workers.db.session import Database
from workers.jobs import Jobs

jobs = Jobs(Database(sys.argv[1]), POLICY)
while True:
    print(jobs.create(new_job()), flush=True)
"""


def take_and_be_killed(url: str, after_s: float) -> list[str]:
    """The ids that a process had said when it was killed, so long after the first."""
    with subprocess.Popen([sys.executable, "-c", TAKES, url], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(after_s)
        process.kill()
        said = [first, *process.stdout.read().splitlines(keepends=True)]
    return [line.strip() for line in said if line.endswith("\n")]


def test_what_was_said_is_there_whole_and_the_file_is_sound(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'voxqueue.db'}")
    migrate.upgrade(database)
    jobs = Jobs(database, POLICY)
    said = []
    for _ in range(KILLS):
        said += take_and_be_killed(str(database.url), random.uniform(0.0, 0.2))
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    assert len(said) >= KILLS
    assert {len(jobs.status(job_id).steps) for job_id in said} == {len(STEPS)}
    database.dispose()

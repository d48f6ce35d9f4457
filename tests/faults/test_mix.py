"""Everything at once for a minute: every job ends, once, with its own text (row 44; the long one is `make faults`)."""

import random

import pytest

from tests.faults.run import Plan, run


@pytest.mark.timeout(400)
def test_a_minute_of_everything_costs_no_job_anything_but_time() -> None:
    plan = Plan(duration_s=60, seed=random.randrange(2**31), jobs=30)
    told: list[str] = []
    report = run(plan, told.append)
    # pytest shows these lines where the test fails: the seed makes the same choices again.
    print(plan, *told, report.verdict, sep="\n")  # noqa: T201
    assert report.verdict.is_clean
    assert report.verdict.completed == report.handed_in == plan.jobs
    assert len(report.faults) >= 5

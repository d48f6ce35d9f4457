"""One event is one line, with the job that it belongs to."""

import json
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from workers import log
from workers.settings import Settings

AWKWARD = 'two words\nand a second line\t"quoted"'


Written = Callable[[], list[str]]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """The lines that came since the last look; the logging of the test run is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def read() -> list[str]:
        return capsys.readouterr().err.splitlines()

    yield read
    root.handlers[:] = handlers
    root.setLevel(level)


def configure(log_format: str, log_level: str = "INFO") -> logging.Logger:
    log.configure(Settings.model_validate({"log_format": log_format, "log_level": log_level}))
    return logging.getLogger("workers.test")


def test_a_line_of_json_has_the_event_its_fields_and_the_identity(written: Written) -> None:
    logger = configure("json")
    with log.bound(job="job-1", step="decode"), log.bound(attempt=2):
        logger.warning("step.failed", extra={"code": "TOO_SHORT", "detail": AWKWARD})
    [line] = [json.loads(each) for each in written()]
    at = line.pop("at")
    assert at == pytest.approx(logging.makeLogRecord({}).created, abs=60)
    assert line == {
        "level": "warning",
        "logger": "workers.test",
        "event": "step.failed",
        "job": "job-1",
        "step": "decode",
        "attempt": 2,
        "code": "TOO_SHORT",
        "detail": AWKWARD,
    }


def test_a_trace_stays_in_its_line_of_json(written: Written) -> None:
    logger = configure("json")
    try:
        int("absent")
    except ValueError:
        logger.exception("step.crashed")
    [line] = written()
    assert json.loads(line)["trace"].endswith("with base 10: 'absent'")


def test_values_that_json_does_not_know_are_written_as_text(written: Written) -> None:
    configure("json").info("stack.restarted", extra={"where": Settings, "child": "Zoë"})
    [line] = written()
    assert json.loads(line)["where"] == str(Settings)
    assert "Zoë" in line


def test_a_line_of_text_is_one_line_whatever_its_fields_hold(written: Written) -> None:
    with log.bound(job="job-1"):
        configure("text").warning("step.failed", extra={"code": "TOO_SHORT", "detail": AWKWARD})
    [line] = written()
    assert line.endswith(f"WARNING step.failed job=job-1 code=TOO_SHORT detail={json.dumps(AWKWARD)}")


def test_identity_ends_with_its_block_even_when_that_fails(written: Written) -> None:
    logger = configure("json")
    with pytest.raises(LookupError), log.bound(job="job-1"):
        raise LookupError
    logger.info("after")
    [line] = written()
    assert "job" not in json.loads(line)


def test_threads_do_not_see_the_identity_of_each_other(written: Written) -> None:
    logger = configure("json")
    together = threading.Barrier(2)

    def work(job: str) -> None:
        with log.bound(job=job):
            together.wait()
            logger.info(job)
            together.wait()

    threads = [threading.Thread(target=work, args=(job,)) for job in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [json.loads(line) for line in written()]
    assert sorted((line["event"], line["job"]) for line in told) == [("one", "one"), ("two", "two")]


def test_what_is_below_the_level_and_what_libraries_chat_is_not_written(written: Written) -> None:
    configure("text", "WARNING").info("quiet")
    assert written() == []
    configure("text", "INFO").info("told")
    logging.getLogger("celery.app.trace").info("Task succeeded")
    assert len(written()) == 1


def test_configuring_again_does_not_double_the_lines(written: Written) -> None:
    for _ in range(3):
        logger = configure("text")
    logger.info("once")
    assert len(written()) == 1

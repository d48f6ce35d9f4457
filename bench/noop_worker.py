"""Workers whose steps do nothing: what `bench.queue_cost` measures the machinery with.

python -m bench.noop_worker ours QUEUES            the real worker, its five steps emptied
python -m bench.noop_worker celery BROKER_URL QUEUE  a worker of plain Celery with a Redis result backend
"""

import sys

from celery import Celery, chain

from pipeline.stages import STEPS, Step
from pipeline.values import Channel, Recording, Transcript, Utterance, Word

PLAIN_STEPS = tuple(f"plain.{step}" for step in STEPS)


def make_plain(url: str) -> Celery:
    """Celery as its tutorial leaves it: a chain of tasks, results in Redis, one queue a task."""
    app = Celery("plain", broker=url, backend=url, set_as_current=False)
    app.conf.task_routes = {name: {"queue": name} for name in PLAIN_STEPS}
    for name in PLAIN_STEPS:
        app.task(_pass_on, name=name)
    return app


def _pass_on(job_id: str) -> str:
    return job_id


def send_plain(app: Celery, job_id: str) -> object:
    """Publish five steps; the result whose `get` waits for the last."""
    first, *rest = PLAIN_STEPS
    return chain(app.signature(first, args=(job_id,)), *(app.signature(name) for name in rest), app=app).apply_async()


class _NoModel:
    """In the place of a model: has room for every step, and nothing to load."""

    @staticmethod
    def has_room(_count: int) -> bool:
        return True


def _empty_steps() -> None:
    """Let each step end at once with a reference to nothing, the last one with a transcript of a word."""
    import importlib  # noqa: PLC0415

    from workers.jobs import ArtifactRef  # noqa: PLC0415  # plain workers know nothing of ours
    from workers.jobs.results import Result  # noqa: PLC0415
    from workers.runtime import Runtime  # noqa: PLC0415
    from workers.task import Hold  # noqa: PLC0415

    word = Word("done", 0.0, 0.5, 1.0)
    spoken = Utterance(0, None, 0.0, 0.5, "done", 1.0, (word,))
    transcript = Transcript("done", "en", "none", Recording(1.0, 8000, "none", (Channel(0),)), (spoken,))

    def work(_runtime: Runtime, hold: Hold) -> Result:
        lease = hold.lease
        if lease.step is STEPS[-1]:
            return Result(transcript=transcript)
        return Result(artifact=ArtifactRef(f"{lease.job_id}/{lease.step}.{lease.fence}", "0" * 64, 0), duration_s=1.0)

    for step in STEPS:
        importlib.import_module(f"workers.tasks.{step}").work = work  # type: ignore[attr-defined]
    importlib.import_module("workers.tasks.inference").engine = lambda _settings: _NoModel  # type: ignore[attr-defined]


def main(arguments: list[str]) -> int:
    """Work until told to stop; the exit status."""
    if arguments[0] == "celery":
        app = make_plain(arguments[1])
        app.worker_main(["worker", "-Q", arguments[2], "-c", "1", "-l", "ERROR", "-n", f"{arguments[2]}@bench"])
        return 0
    from workers.settings import settings  # noqa: PLC0415
    from workers.worker import serve  # noqa: PLC0415

    return serve(settings(), [Step(name) for name in arguments[1].split(",")], 1)


# Not only in the main process: those of a pool that are spawned import this module as well.
if sys.argv[1:2] == ["ours"]:
    _empty_steps()
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Other queues doing five steps that do nothing: a worker of each, and how a step hands on to the next.

python -m bench.queue_peers NAME BROKER_URL DATABASE_URL STEP   one worker, of one queue, with one process or thread

Each is used as its documentation shows, one queue a step. The last step writes that the job is done into the broker:
a way of waiting that costs the same for all of them.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from redis import Redis

from pipeline.stages import STEPS, Step, following


@dataclass(frozen=True, slots=True)
class Servers:
    """What a peer may use; `database_url` is empty for those that need none."""

    broker_url: str
    database_url: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """One of them: `send` puts a job into the queue of a step, `work` serves that of one step without end."""

    send: Callable[[Step, str], object]
    work: Callable[[Step], object]


def done_key(job_id: str) -> str:
    """The key that the broker has once a job is done."""
    return f"done.{job_id}"


def _hand_on(broker: Redis, send: Callable[[Step, str], object], step: Step, job_id: str) -> None:
    next_step = following(step)
    if next_step is None:
        broker.set(done_key(job_id), 1)
    else:
        send(next_step, job_id)


def _dramatiq(servers: Servers) -> Peer:
    dramatiq = import_module("dramatiq")
    broker = import_module("dramatiq.brokers.redis").RedisBroker(url=servers.broker_url)
    results = Redis.from_url(servers.broker_url)

    def make(step: Step) -> Any:
        def run(job_id: str) -> None:
            _hand_on(results, send, step, job_id)

        return dramatiq.actor(run, actor_name=f"step_{step}", queue_name=str(step), broker=broker)

    actors = {step: make(step) for step in STEPS}

    def send(step: Step, job_id: str) -> None:
        actors[step].send(job_id)

    def work(step: Step) -> None:
        dramatiq.Worker(broker, queues={str(step)}, worker_threads=1).start()
        signal.pause()

    return Peer(send, work)


def _rq(servers: Servers) -> Peer:
    rq = import_module("rq")
    broker = Redis.from_url(servers.broker_url)
    queues = {step: rq.Queue(str(step), connection=broker) for step in STEPS}

    def send(step: Step, job_id: str) -> None:
        queues[step].enqueue("bench.queue_peers.rq_step", servers.broker_url, str(step), job_id, result_ttl=0)

    return Peer(send, lambda step: rq.Worker([queues[step]], connection=broker).work(logging_level="ERROR"))


def rq_step(broker_url: str, step: str, job_id: str) -> None:
    """A step of RQ, which finds its functions by name."""
    peer = _rq(Servers(broker_url))
    with Redis.from_url(broker_url) as broker:
        _hand_on(broker, peer.send, Step(step), job_id)


def _huey(servers: Servers) -> Peer:
    huey = import_module("huey")
    broker = Redis.from_url(servers.broker_url)
    queues = {step: huey.RedisHuey(str(step), results=False, url=servers.broker_url) for step in STEPS}

    def make(step: Step) -> Any:
        def run(job_id: str) -> None:
            _hand_on(broker, send, step, job_id)

        return queues[step].task(name=f"step_{step}")(run)

    tasks = {step: make(step) for step in STEPS}

    def send(step: Step, job_id: str) -> None:
        tasks[step](job_id)

    return Peer(send, lambda step: queues[step].create_consumer(workers=1).run())


def _on_loop(make: Callable[[], Awaitable[Callable[[Step, str], Awaitable[object]]]]) -> Callable[[Step, str], object]:
    """Send from a program without a loop, by a loop of its own that is opened with the first message."""
    loop = asyncio.new_event_loop()
    opened: list[Callable[[Step, str], Awaitable[object]]] = []

    async def send(step: Step, job_id: str) -> None:
        if not opened:
            opened.append(await make())
        await opened[0](step, job_id)

    return lambda step, job_id: loop.run_until_complete(send(step, job_id))


def _taskiq(servers: Servers) -> Peer:
    redis_brokers, api = import_module("taskiq_redis"), import_module("taskiq.api")
    queues = {step: redis_brokers.ListQueueBroker(servers.broker_url, queue_name=str(step)) for step in STEPS}
    results = Redis.from_url(servers.broker_url)

    def make(step: Step) -> Any:
        async def run(job_id: str) -> None:
            next_step = following(step)
            if next_step is None:
                results.set(done_key(job_id), 1)
            else:
                await tasks[next_step].kiq(job_id)

        return queues[step].register_task(run, task_name=f"step_{step}")

    tasks = {step: make(step) for step in STEPS}

    async def opened() -> Callable[[Step, str], Awaitable[object]]:
        for queue in queues.values():
            await queue.startup()
        return lambda step, job_id: tasks[step].kiq(job_id)

    async def serve(step: Step) -> None:
        queues[step].is_worker_process = True
        await opened()
        await api.run_receiver_task(queues[step], max_async_tasks=1)

    return Peer(_on_loop(opened), lambda step: asyncio.run(serve(step)))


def _procrastinate(servers: Servers) -> Peer:
    procrastinate = import_module("procrastinate")
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=servers.database_url))
    results = Redis.from_url(servers.broker_url)

    def make(step: Step) -> Any:
        async def run(job_id: str) -> None:
            next_step = following(step)
            if next_step is None:
                results.set(done_key(job_id), 1)
            else:
                await tasks[next_step].defer_async(job_id=job_id)

        return app.task(name=f"step_{step}", queue=str(step))(run)

    tasks = {step: make(step) for step in STEPS}

    opened: list[Any] = []

    def send(step: Step, job_id: str) -> None:
        # Not before: a worker opens it on its loop.
        if not opened:
            opened.append(app.open())
        tasks[step].defer(job_id=job_id)

    async def serve(step: Step) -> None:
        async with app.open_async():
            await app.run_worker_async(queues=[str(step)], concurrency=1)

    return Peer(send, lambda step: asyncio.run(serve(step)))


def apply_schema(database_url: str) -> None:
    """Make the tables of procrastinate, the one peer that keeps its jobs in PostgreSQL."""
    procrastinate = import_module("procrastinate")
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=database_url))
    with app.open():
        app.schema_manager.apply_schema()


DURABLE = "procrastinate"
"""The peer that needs a database."""

_MAKERS: Mapping[str, Callable[[Servers], Peer]] = {
    "dramatiq": _dramatiq,
    "rq": _rq,
    "huey": _huey,
    "taskiq": _taskiq,
    DURABLE: _procrastinate,
}
_ALSO = {"taskiq": "taskiq_redis"}


def at_hand() -> tuple[str, ...]:
    """Those that are installed."""
    return tuple(name for name in _MAKERS if find_spec(name) and find_spec(_ALSO.get(name, name)))


def make_peer(name: str, servers: Servers) -> Peer:
    """One of `at_hand()`, with these servers."""
    return _MAKERS[name](servers)


if __name__ == "__main__":
    chosen, broker_url, database_url, queue = sys.argv[1:]
    # Some name their tasks after the module, which must be the same here as where jobs are handed in.
    module = import_module("bench.queue_peers")
    module.make_peer(chosen, Servers(broker_url, database_url)).work(Step(queue))

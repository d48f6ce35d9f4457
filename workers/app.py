"""The Celery application and the one way to announce a job: a chain of its remaining steps, published after commit."""

from contextlib import suppress

from celery import Celery, Signature
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from pipeline.stages import STEPS, Step, remaining
from workers.celeryconfig import DELIVER, TASK_PREFIX, celery_settings, publishing_options, task_name
from workers.errors import BrokerAway
from workers.settings import Settings
from workers.tickets import TicketApp


def make_app(settings: Settings) -> Celery:
    """A Celery application for these settings; connects to nothing yet."""
    app = TicketApp("voxqueue", set_as_current=False)
    app.conf.update(celery_settings(settings))
    return app


PING = f"{TASK_PREFIX}ping"
_PONGS = "voxqueue.pong."
_MOST_WAITING = 1000
_KEPT_S = 60


class Announcer:
    """Tells the workers of jobs. A message that is lost costs time, never a job, so failure here is no disaster."""

    def __init__(self, settings: Settings) -> None:
        self.app = make_app(settings)
        self.app.conf.broker_transport_options = publishing_options(settings)

    def announce(self, job_id: str, step: Step = STEPS[0]) -> None:
        """Publish the chain of `step` and all after it.

        Raises:
            BrokerAway: the broker did not take it in time; the dispatcher will announce the job again.
        """
        first, *rest = remaining(step)
        # The message of a chain, without the objects that Celery makes to find out what it looks like.
        chain = [self._signature(each, job_id) for each in reversed(rest)]
        try:
            self.app.send_task(task_name(first), args=(job_id,), queue=str(first), chain=chain, retry=False)
        except (OperationalError, RedisError, OSError) as error:
            raise BrokerAway(type(error).__name__) from error

    def _signature(self, step: Step, job_id: str) -> Signature:
        return self.app.signature(task_name(step), args=(job_id,), immutable=True, queue=str(step))

    def announce_delivery(self, delivery_id: str) -> None:
        """Publish that an event is to be sent.

        Raises:
            BrokerAway: the broker did not take it in time; the dispatcher will announce it again.
        """
        signature = self.app.signature(task_name(DELIVER), args=(delivery_id,), immutable=True, queue=DELIVER)
        try:
            signature.apply_async(retry=False)
        except (OperationalError, RedisError, OSError) as error:
            raise BrokerAway(type(error).__name__) from error

    def queue_length(self, queue: str) -> int:
        """Messages that wait in a queue.

        Raises:
            BrokerAway: the broker does not answer.
        """
        try:
            # Not the channel's own client: where the connection served a question to workers before, that one may still
            # wait for a message, and would take the answer to one command for that to another.
            with self.app.producer_or_acquire() as producer, producer.channel.conn_or_acquire() as client:
                # All messages of a queue are in one list, see `priority_steps`; there is none while it is empty.
                return int(client.llen(str(queue)))
        except (OperationalError, RedisError, OSError) as error:
            raise BrokerAway(type(error).__name__) from error

    def send_ping(self, token: str, queue: str, expires_s: float) -> None:
        """Ask a queue for a sign of life; see `workers.health`.

        Raises:
            BrokerAway: the broker did not take it.
        """
        # Nobody takes questions out of a queue that nobody serves, and they should not fill the broker.
        if self.queue_length(queue) > _MOST_WAITING:
            return
        signature = self.app.signature(PING, args=(token, queue), immutable=True, queue=queue)
        try:
            signature.apply_async(retry=False, expires=expires_s)
        except (OperationalError, RedisError, OSError) as error:
            raise BrokerAway(type(error).__name__) from error

    def answer_ping(self, token: str, queue: str) -> None:
        """Answer, from a worker; an answer that nobody awaits is forgotten."""
        with suppress(OperationalError, RedisError, OSError), self.app.connection_for_write() as connection:
            client = connection.default_channel.client
            client.lpush(_PONGS + token, queue)
            client.expire(_PONGS + token, _KEPT_S)

    def await_pong(self, token: str, timeout_s: float) -> str | None:
        """The next queue that answers within that time.

        Raises:
            BrokerAway: the broker does not answer.
        """
        try:
            with self.app.connection_for_write() as connection:
                # Below the time-out of the socket, at which the client would give up the connection.
                found = connection.default_channel.client.brpop(
                    [_PONGS + token], timeout=max(0.05, min(1.0, timeout_s))
                )
        except (OperationalError, RedisError, OSError) as error:
            raise BrokerAway(type(error).__name__) from error
        return found[1].decode() if found else None

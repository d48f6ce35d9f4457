"""A Celery application that writes a step's message straight into its queue, as Celery itself would write it.

Celery prepares every message for any broker and any task: it looks for a route, declares a queue, describes arguments.
A ticket goes to a queue that is known and carries a job id; all that costs more than to write it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from celery import Celery
from celery.signals import after_task_publish, before_task_publish
from celery.utils import uuid
from celery.utils.nodenames import anon_nodename
from kombu.exceptions import OperationalError
from kombu.serialization import dumps
from redis.exceptions import RedisError

_PERSISTENT: Final = 2
_OF_A_TICKET: Final = frozenset({"queue", "chain", "root_id", "parent_id", "time_limit", "task_id"})
# What Celery adds by itself, which changes nothing of a message without a result.
_IMMATERIAL: Final = frozenset({"retry", "task_type", "result_cls", "ignore_result", "serializer", "priority"})


class TicketApp(Celery):  # type: ignore[misc]  # Celery carries no types
    """Celery, with a short way for tickets; whatever else is sent goes the long one."""

    def send_task(
        self, name: str, args: Sequence[Any] | None = None, kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        """As Celery's.

        Raises:
            kombu.exceptions.OperationalError: the broker did not take it.
        """
        given = {option: value for option, value in options.items() if value is not None}
        if kwargs or not args or not self._is_ticket(given):
            return super().send_task(name, args, kwargs, **options)
        task_id = given.get("task_id") or uuid()
        headers, properties, body, _ = self.amqp.as_task_v2(
            task_id,
            name,
            args,
            chain=given.get("chain"),
            root_id=given.get("root_id"),
            parent_id=given.get("parent_id"),
            time_limit=given.get("time_limit"),
            ignore_result=True,
            origin=anon_nodename(),
            argsrepr=repr(tuple(args)),
            kwargsrepr="{}",
        )
        content_type, encoding, text = dumps(body, serializer="json")
        properties["delivery_mode"] = _PERSISTENT
        with self.producer_or_acquire() as producer, _errors_as_kombu():
            channel = producer.channel
            message = channel.prepare_message(text, 0, content_type, encoding, headers, properties)
            channel.basic_publish(message, "", str(given["queue"]))
        return self.AsyncResult(task_id)

    def _is_ticket(self, given: Mapping[str, Any]) -> bool:
        is_plain = given.keys() <= _OF_A_TICKET | _IMMATERIAL and isinstance(given.get("queue"), str)
        # Who listens, to trace messages for example, is told of each by Celery.
        is_heard = before_task_publish.receivers or after_task_publish.receivers
        return is_plain and not is_heard and given["queue"] in self.amqp.queues


@contextmanager
def _errors_as_kombu() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise OperationalError(str(error)) from error

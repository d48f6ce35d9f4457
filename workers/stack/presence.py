"""Who works already: the queues that some worker serves, wherever it runs."""

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workers.errors import BrokerAway


def queues_served(app: Celery, timeout_s: float) -> set[str]:
    """The queues of which a worker says within `timeout_s` that it serves them.

    Raises:
        BrokerAway: the broker does not answer.
    """
    try:
        answers = app.control.inspect(timeout=timeout_s).active_queues() or {}
    except (OperationalError, RedisError, OSError) as error:
        raise BrokerAway(type(error).__name__) from error
    return {queue["name"] for queues in answers.values() for queue in queues}

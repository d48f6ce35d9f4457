"""Kombu's transport over Redis, which makes the object that speaks to the broker once, not for every command.

Such an object holds no connection: it takes one out of its pool for each command, and threads may share it. To make one
costs about as much time as the command itself.
"""

import logging
from typing import Any

from kombu.transport.redis import Channel, Transport
from redis import Redis

logger = logging.getLogger(__name__)


class _SparingChannel(Channel):  # type: ignore[misc]  # kombu carries no types
    _made: Redis | None = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            # Those keep a connection each, and kombu keeps them.
            return super()._create_client(asynchronous=True)
        # Pools are renewed after a fork, and when a connection was lost.
        if self._made is None or self._made.connection_pool is not self.pool:
            self._made = super()._create_client()
        return self._made

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except (ValueError, LookupError, TypeError):
            # Out of the queue and no message at all: whoever put it there should not end every worker of that queue.
            logger.exception("message.unreadable")
            return True


class SparingTransport(Transport):  # type: ignore[misc]
    """What `broker_transport` names for brokers that are spoken to over TCP without TLS."""

    Channel = _SparingChannel


class SparingSocketTransport(SparingTransport):
    """The same over a Unix socket."""

    # kombu would take the path for that of a server; the channel knows better.
    can_parse_url = True

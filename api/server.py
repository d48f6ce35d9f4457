"""Serve the application on a socket until SIGTERM or Ctrl-C; open requests get a moment to end."""

import gc
import socket

import uvicorn
from fastapi import FastAPI

from api.app import make_app
from api.protocol import Protocol
from api.watching import Watcher
from workers import log
from workers.client import Client
from workers.db.migrate import prepare
from workers.door import check_may_open, is_loopback
from workers.settings import Settings

_GRACE_S = 5
_KEEP_ALIVE_S = 75
_MOST_MESSAGE_BYTES = 2**20


class Server(uvicorn.Server):
    """Sends listeners home first: a stream that waits for the next event would never end by itself."""

    def __init__(self, config: uvicorn.Config, watcher: Watcher) -> None:
        super().__init__(config)
        self._watcher = watcher

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End listening, then everything else."""
        self._watcher.end()
        await super().shutdown(sockets)


def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve on this socket.

    Raises:
        ConfigurationError: it can be reached from other machines, and no key exists.
        DatabaseAway: the database does not answer.
    """
    log.configure(settings)
    client = Client(settings)
    prepare(client.runtime.database, is_ours=not settings.database_url)
    host = listening.getsockname()[0]
    check_may_open(host, client.runtime.database)
    app = make_app(client, is_open=is_loopback(host))
    # Half a second that would otherwise hold up everybody at the first request with a query, see `api.queries`.
    app.openapi()
    # Half a million objects of libraries and schemas stay as long as the process: to look through them for garbage
    # again and again would hold up everybody for a moment.
    gc.collect()
    gc.freeze()
    make_server(app).run([listening])


def make_server(app: FastAPI) -> Server:
    """A server for the application, ready to run."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        lifespan="on",
        loop="uvloop",
        http=Protocol,
        ws="websockets-sansio",
        ws_max_size=_MOST_MESSAGE_BYTES,
    )
    return Server(config, app.state.services.watcher)

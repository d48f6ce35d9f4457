"""What every answer carries: a request id, and headers that keep a browser from doing more than it should."""

import logging
import random
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Headers:
    """Adds what the answer does not say itself, and writes down how it went; never ids, names or texts of a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Nobody keeps it secret, and asking the kernel would let other threads take the interpreter for a while.
        request_id, started_at = f"{random.getrandbits(64):016x}", time.monotonic()
        # Here until a handler knows better: the limiter adds to it, see `api.security`.
        scope.setdefault("state", {})["headers"] = {}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**_SAFE, **scope["state"]["headers"], "X-Request-Id": request_id}.items():
                    headers.setdefault(name, value)
                _log(scope, message["status"], request_id, time.monotonic() - started_at)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _log(scope: Scope, status: int, request_id: str, took_s: float) -> None:
    route = getattr(scope.get("route"), "path", "")
    told = {"method": scope["method"], "route": route, "status": status, "took_ms": round(1000 * took_s)}
    # Long because it was asked to be: no reason to worry.
    waits = {"waits": True} if b"wait=" in scope["query_string"] else {}
    logger.info("http.request", extra={**told, **waits, "request": request_id})

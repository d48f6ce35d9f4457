"""What every answer carries: a request id, and headers that keep a browser from doing more than it should."""

import logging
import random
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

# As they are sent, because it is done for every answer.
_SAFE = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
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
                own = {name.lower().encode(): value.encode() for name, value in scope["state"]["headers"].items()}
                ours = {**_SAFE, **own, b"x-request-id": request_id.encode()}
                said = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in ours.items() if each[0] not in said)]
                _log(scope, message["status"], request_id, time.monotonic() - started_at)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _log(scope: Scope, status: int, request_id: str, took_s: float) -> None:
    route = getattr(scope.get("route"), "path", "")
    told = {"method": scope["method"], "route": route, "status": status, "took_ms": round(1000 * took_s)}
    # Long because it was asked to be: no reason to worry.
    waits = {"waits": True} if b"wait=" in scope["query_string"] else {}
    logger.info("http.request", extra={**told, **waits, "request": request_id})

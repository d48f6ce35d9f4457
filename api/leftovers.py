"""What a client still sends after its request was refused: some of it is taken, then the connection is closed."""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Most clients look for an answer only after they have sent everything, and find none when they are cut off.
_DRAIN_BYTES = 2**26
_DRAIN_S = 2.0


class Leftovers:
    """Before an answer to a body that was not read to its end: read on for a moment, and else say `Connection: close`.

    Without it a client that never stops would be read from for ever.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive)

        async def send_after_body(message: Message) -> None:
            if message["type"] == "http.response.start" and not body.is_over:
                if not (body.is_untouched and "expect" in Headers(scope=scope)):
                    await body.drain()
                if not body.is_over:
                    MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, body.receive, send_after_body)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self.is_over = False
        self.is_untouched = True
        self._receive = receive

    async def receive(self) -> Message:
        message = await self._receive()
        self.is_untouched = False
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self.is_over = True
        return message

    async def drain(self) -> None:
        left = _DRAIN_BYTES
        try:
            async with asyncio.timeout(_DRAIN_S):
                while not self.is_over and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            return


def _has_body(scope: Scope) -> bool:
    headers = scope["headers"]
    return any(name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers)

"""A TCP proxy that can fall silent: connections stay open, and nothing that is sent arrives until it speaks again."""

import asyncio
import threading
from contextlib import suppress
from typing import Self


class Proxy:
    """Forwards a port of its own to `target_port` of this host, in a thread."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def silence(self) -> None:
        """Hold everything back; new connections are accepted and never answered."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def speak(self) -> None:
        """Let everything through again, also what was held back."""
        self._loop.call_soon_threadsafe(self._open.set)

    def cut(self) -> None:
        """Close every connection."""
        self._loop.call_soon_threadsafe(self._close_all)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._open.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = int(server.sockets[0].getsockname()[1])
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._open.set()
        self._close_all()
        self._loop.run_until_complete(asyncio.sleep(0.1))
        self._loop.close()

    def _close_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._open.wait()
            away_reader, away_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(away_writer)
            await asyncio.gather(self._pump(reader, away_writer), self._pump(away_reader, writer))
            self._writers.discard(away_writer)
        except OSError:
            # The server is down: whoever connects finds the connection closed, as without a proxy.
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

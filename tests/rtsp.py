"""An RTSP server that plays mu-law of 8 kHz once, over the connection that it was asked on."""

import re
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

FRAME = 160
_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=call\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:line\r\n"


class _Player(socketserver.StreamRequestHandler):
    content: ClassVar[bytes]

    def handle(self) -> None:
        while request := self._request():
            method, headers = request
            if method == "DESCRIBE":
                self._answer(headers, "200 OK", ["Content-Type: application/sdp"], _SDP)
            elif method == "SETUP" and "TCP" not in headers["transport"]:
                self._answer(headers, "461 Unsupported Transport")
            elif method == "SETUP":
                self._answer(headers, "200 OK", [f"Transport: {headers['transport']}", "Session: 7"])
            else:
                self._answer(headers, "200 OK", ["Session: 7"])
            if method == "PLAY":
                self._play()
                return

    def _request(self) -> tuple[str, dict[str, str]] | None:
        lines: list[str] = []
        while line := self.rfile.readline().decode().strip():
            lines.append(line)
        if not lines:
            return None
        headers = [re.split(r":\s*", line, maxsplit=1) for line in lines[1:]]
        return lines[0].split()[0], {name.lower(): value for name, value in headers}

    def _answer(self, asked: dict[str, str], status: str, headers: list[str] | None = None, body: str = "") -> None:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {asked['cseq']}", *(headers or []), f"Content-Length: {len(body)}"]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def _play(self) -> None:
        for number, start in enumerate(range(0, len(self.content), FRAME)):
            packet = struct.pack(">BBHII", 0x80, 0, number, start, 7) + self.content[start : start + FRAME]
            self.wfile.write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)


@contextmanager
def playing(content: bytes) -> Iterator[str]:
    """The address where these samples are played."""
    handler = type("ThisPlayer", (_Player,), {"content": content})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"rtsp://127.0.0.1:{server.server_address[1]}/7"
        finally:
            server.shutdown()
            thread.join()

"""HTTP as it comes over a connection, read by a parser in C: what no parser should take is refused here."""

from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_LOOSE_BYTES = 2**16


class Protocol(HttpToolsProtocol):
    """uvicorn's, with an end to heads, trailers and whatever else is no body, and one host that a request is for."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
        self._loose_bytes = 0
        self._is_head = True

    def data_received(self, data: bytes) -> None:
        """Read on; a sender who goes on and on outside of a body is hung up on."""
        self._loose_bytes += len(data)
        super().data_received(data)
        if self._loose_bytes > _MOST_LOOSE_BYTES and not self.transport.is_closing():
            self.send_400_response(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE.phrase)

    def on_message_begin(self) -> None:
        """A head begins. What came with it was read at once, and is not counted."""
        self._is_head, self._loose_bytes = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer comes too late to be one, and might else say who asks."""
        if self._is_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole.

        Raises:
            ValueError: it is for no host, or for two; the parser makes a 400 of it.
        """
        self._is_head, self._loose_bytes = False, 0
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise ValueError("Host")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body is here."""
        self._loose_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole, and the next may follow."""
        self._loose_bytes = 0
        super().on_message_complete()

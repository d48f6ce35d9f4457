"""Where recordings come from: a file, bytes, a stream that is open, an https:// URL, an s3:// object.

What a program passes as a source is read at once, by itself and with its own rights. A *link* is a URL that somebody
else named: it is kept as it is, and a worker fetches it later, if the settings let it.
"""

import math
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

from pipeline.errors import EmptyUpload
from workers.errors import FileNotReadable, TooLarge, UrlNotAllowed
from workers.jobs import ArtifactRef
from workers.objects import SCHEME, Bucket, split_url
from workers.outbound import Limits, Outbound, Policy, policy_of
from workers.settings import Settings

Source = str | os.PathLike[str] | bytes | BinaryIO

LINK: Final = "link"
"""Begins the name of an artifact that holds a URL instead of a recording."""
_PIECE_BYTES: Final = 1 << 20
_REMOTE: Final = re.compile(r"(https?|s3)://", re.IGNORECASE)
_PACKETS: Final = re.compile(r"(rtsps?|rtp)://", re.IGNORECASE)
_LONGEST_PAUSE_S: Final = 30.0
_UNNAMED: Final = "recording"


def is_remote(source: object) -> bool:
    """Whether the source is a URL or an object rather than a file."""
    return isinstance(source, str) and _REMOTE.match(source) is not None


def name_of(source: Source) -> str:
    """What the recording is called: the last part of a path or URL, without its query; `recording` without a name."""
    if isinstance(source, bytes):
        return _UNNAMED
    if isinstance(source, str) and is_remote(source):
        return PurePosixPath(unquote(urlsplit(source).path, errors="replace")).name.replace("\0", "") or _UNNAMED
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", "")
    name = Path(path).name if isinstance(path, str | os.PathLike) else ""
    # Names of files are bytes, and need not be text.
    return os.fsencode(name).decode(errors="replace") or _UNNAMED


@contextmanager
def opened(source: Source, settings: Settings) -> Iterator[Iterator[bytes]]:
    """The bytes of a source, piece by piece.

    Raises:
        FileNotReadable: there is no such file, or it can't be read.
        UrlNotAllowed, FetchTimeout, FetchAway, FetchFailed: see `workers.outbound`.
        ObjectNotFound, ObjectNotAllowed, ResourceBusy: see `workers.objects`.
        TooLarge: as far as that is known before it is read.
    """
    if isinstance(source, bytes):
        yield iter([source])
    elif not isinstance(source, str | os.PathLike):
        yield _read(source)  # the caller closes it
    elif isinstance(source, str) and is_remote(source):
        with _remote(source, settings) as pieces:
            yield pieces
    else:
        with _file(Path(source)) as file:
            yield _read(file)


def copy(pieces: Iterable[bytes], file: BinaryIO, max_bytes: int) -> None:
    """Write every piece.

    Raises:
        EmptyUpload, TooLarge: there is nothing, or more than `max_bytes`; what a sender claims of its length is not
            asked for.
    """
    copied = 0
    for piece in pieces:
        copied += len(piece)
        if copied > max_bytes:
            raise TooLarge(f"more than {max_bytes} bytes (VOXQUEUE_MAX_UPLOAD_BYTES)")
        file.write(piece)
    if copied == 0:
        raise EmptyUpload


@contextmanager
def fetched(url: str, settings: Settings) -> Iterator[Iterator[bytes]]:
    """What a URL holds, through the guard; raises what `Outbound.get` does."""
    limits = Limits(settings.max_upload_bytes, settings.fetch_timeout_s)
    with Outbound(policy_of(settings)).get(url, limits) as body:
        yield iter(body)


@contextmanager
def live(source: str, settings: Settings) -> Iterator[Iterator[bytes]]:
    """The bytes of a stream as they arrive: a URL that goes on for ever, or a file; raises as `opened` does.

    It is for whoever types the address: the host that it names is asked, whatever it is. Where a redirect leads is
    checked as ever. For an address that somebody else named there is `live_link`.
    """
    if _PACKETS.match(source):
        with _packets(source) as pieces:
            yield pieces
    elif source.lower().startswith("http"):
        policy = policy_of(settings)
        host = urlsplit(source).hostname or ""
        with _endless(source, replace(policy, allowed=policy.allowed.with_host(host))) as pieces:
            yield pieces
    else:
        with opened(source, settings) as pieces:
            yield pieces


@contextmanager
def live_link(url: str, settings: Settings) -> Iterator[Iterator[bytes]]:
    """The bytes of a stream whose address a caller of a service named, as they arrive, through the guard.

    FFmpeg, which asks addresses of RTSP and RTP, looks hosts up by itself and follows where they lead; so these must be
    in networks or hosts that the settings name.

    Raises:
        UrlNotAllowed: it may not be asked.
        FetchTimeout, FetchAway, FetchFailed: see `workers.outbound`; also later, while it is read.
    """
    _check_links_are_fetched(settings)
    policy = policy_of(settings)
    if not _PACKETS.match(url):
        with _endless(url, policy) as pieces:
            yield pieces
        return
    if not policy.allowed.names(urlsplit(url).hostname or ""):
        raise UrlNotAllowed("rtsp:// and rtp:// lead only to what VOXQUEUE_OUTBOUND_ALLOW names")
    with _packets(url) as pieces:
        yield pieces


def check_link(url: str, settings: Settings) -> None:
    """Refuse a link that no worker would fetch, as far as one can tell without asking for it.

    Raises:
        UrlNotAllowed: and why.
    """
    _check_links_are_fetched(settings)
    policy_of(settings).check(url)


def link_name(job_id: str) -> str:
    """The name of the artifact that holds the link of a job."""
    return f"{job_id}/{LINK}.0"


def is_link(ref: ArtifactRef) -> bool:
    """Whether the artifact is a link rather than a recording."""
    return PurePosixPath(ref.key).name.startswith(f"{LINK}.")


def _check_links_are_fetched(settings: Settings) -> None:
    if not settings.fetch_urls:
        raise UrlNotAllowed("recordings are not fetched from URLs here; VOXQUEUE_FETCH_URLS=true lets workers do so")


@contextmanager
def _endless(url: str, policy: Policy) -> Iterator[Iterator[bytes]]:
    limits = Limits(sys.maxsize, math.inf, idle_s=_LONGEST_PAUSE_S, head_s=_LONGEST_PAUSE_S)
    with Outbound(policy).get(url, limits) as body:
        yield iter(body)


@contextmanager
def _packets(url: str) -> Iterator[Iterator[bytes]]:
    # It comes with FFmpeg, which no door needs.
    from workers.rtp import received  # noqa: PLC0415

    with closing(received(url, _LONGEST_PAUSE_S)) as pieces:
        yield pieces


@contextmanager
def _remote(url: str, settings: Settings) -> Iterator[Iterator[bytes]]:
    if not url.lower().startswith(f"{SCHEME}:"):
        with fetched(url, settings) as pieces:
            yield pieces
        return
    bucket, key = split_url(url)
    objects = Bucket(settings, bucket)
    size = objects.size_bytes(key)
    if size > settings.max_upload_bytes:
        raise TooLarge(f"{size} bytes, {settings.max_upload_bytes} are allowed (VOXQUEUE_MAX_UPLOAD_BYTES)")
    yield objects.read(key)


def _file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise FileNotReadable(f"{path.name}: {error.strerror}") from error


def _read(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece

"""Who asks: the tenant and the scopes of the API key, or, on this machine while no key exists, everyone for everything.

A page of another site can make a browser send requests to this machine. So where no key is asked for, the header Host
must name this machine, and a browser must say that the request comes from a page that came from here.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from fastapi.security.utils import get_authorization_scheme_param

from api.errors import Forbidden, ForeignOrigin
from api.services import Services
from workers.errors import KeyRefused
from workers.jobs import JobStatus, TenantJobs
from workers.jobs.keys import ApiKey
from workers.jobs.sessions import TenantSessions
from workers.states import Scope

OPEN_TENANT = "default"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_REMEMBER_S = 2.0
_MOST_REMEMBERED = 1000

_bearer = HTTPBearer(auto_error=False, description="An API key: `voxqueue keys create`.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever makes a request: whose jobs they see and what they may do."""

    tenant: str
    scopes: frozenset[Scope]
    services: Services
    key_id: str | None = None

    @property
    def jobs(self) -> TenantJobs:
        """The jobs of the caller's tenant, the only ones that a route can reach."""
        return TenantJobs(self.services.jobs, self.tenant)

    async def job(self, job_id: str) -> JobStatus:
        """A job of the caller's tenant as it is now; JobNotFound when there is none."""
        return await self.services.looks.status(self.jobs, job_id)

    @property
    def sessions(self) -> TenantSessions:
        """The live calls of the caller's tenant."""
        return TenantSessions(self.services.client.sessions, self.tenant)

    @property
    def may_see_all(self) -> bool:
        """Whether transcripts are shown to the caller as they are, and audio at all."""
        return Scope.UNREDACTED in self.scopes


class Keyring:
    """Keys that were recognised a moment ago: a revoked one is refused within two seconds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: OrderedDict[str, tuple[float, ApiKey]] = OrderedDict()
        self._has_keys = (0.0, False)
        self._lock = asyncio.Lock()

    async def caller(self, token: str | None, address: str) -> Caller:
        """Whose token this is.

        Raises:
            KeyRefused: nobody's, and without one nobody is served.
            TooManyRequests: nobody's, and too many such came from this address.
        """
        services = self._services
        if services.is_open and not await self._keys_exist():
            return Caller(OPEN_TENANT, frozenset(Scope), services)
        try:
            key = await self._recognised(token or "")
        except KeyRefused:
            # Only who has no key is slowed down: others may share the address.
            services.failures.take(address)
            raise
        return Caller(key.tenant, key.scopes, services, key.id)

    async def _recognised(self, token: str) -> ApiKey:
        at, key = self._known.get(token, (0.0, None))
        if key is not None and time.monotonic() - at < _REMEMBER_S:
            return key
        # One who is refused is not remembered: a key that was just made works at once.
        self._known.pop(token, None)
        found = await self._services.read(self._services.keys.authenticate, token)
        self._known[token] = (time.monotonic(), found)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def _keys_exist(self) -> bool:
        async with self._lock:
            at, found = self._has_keys
            if not found and time.monotonic() - at > _REMEMBER_S:
                found = await self._services.read(self._services.keys.exist)
                self._has_keys = (time.monotonic(), found)
            return found


async def _caller(
    request: Request,
    scopes: SecurityScopes,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    caller = await _known(request, given.credentials if given else None, map(Scope, scopes.scopes))
    if caller.key_id is not None:
        rates = caller.services.rates
        try:
            rates.take(caller.key_id)
        finally:
            request.state.headers.update(rates.left(caller.key_id))
    return caller


async def caller_of(connection: HTTPConnection, scope: Scope) -> Caller:
    """Who opens a WebSocket, whose key comes in the header Authorization as anywhere.

    Raises:
        KeyRefused, TooManyRequests, ForeignOrigin, Forbidden: they may not.
    """
    kind, token = get_authorization_scheme_param(connection.headers.get("authorization"))
    caller = await _known(connection, token if kind.lower() == "bearer" else None, [scope])
    if caller.key_id is not None:
        caller.services.rates.take(caller.key_id)
    return caller


async def _known(connection: HTTPConnection, token: str | None, scopes: Iterable[Scope]) -> Caller:
    wanted = tuple(scopes)
    address = connection.client.host if connection.client else ""
    keyring: Keyring = connection.app.state.keyring
    caller = await keyring.caller(token, address)
    if caller.key_id is None:
        check_origin(connection)
    if not caller.scopes.issuperset(wanted):
        raise Forbidden(f"it takes the scope {' and '.join(wanted)}")
    return caller


def check_origin(request: HTTPConnection) -> None:
    """Refuse what a page of another site made a browser send.

    Raises:
        ForeignOrigin: this is such a request, or a name was made to point to this machine.
    """
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    try:
        if urlsplit(f"//{host}").hostname not in _LOOPBACK_NAMES:
            raise ForeignOrigin(f"Host: {host[:64]}")
        if origin is not None and urlsplit(origin).netloc != host:
            raise ForeignOrigin("Origin")
    except ValueError as error:
        raise ForeignOrigin("neither Host nor Origin may be odd") from error
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise ForeignOrigin("Sec-Fetch-Site")


Reader = Annotated[Caller, Security(_caller, scopes=[Scope.READ.value])]
Writer = Annotated[Caller, Security(_caller, scopes=[Scope.WRITE.value])]
Admin = Annotated[Caller, Security(_caller, scopes=[Scope.ADMIN.value])]
# Audio and corrections show what redaction takes out of a transcript.
Listener = Annotated[Caller, Security(_caller, scopes=[Scope.READ.value, Scope.UNREDACTED.value])]
Corrector = Annotated[Caller, Security(_caller, scopes=[Scope.WRITE.value, Scope.UNREDACTED.value])]

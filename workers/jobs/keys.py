"""API keys: who may knock, as whom, and what for. Only a hash of each secret is kept; it is shown once, when made."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from workers.db.base import db_now
from workers.db.session import Database
from workers.db.tables import api_keys
from workers.errors import KeyNotFound, KeyRefused
from workers.states import Scope

_TOKEN = re.compile(r"vq_live_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_SECRET_BYTES = 32
_ID_BYTES = 6
_TOUCH_EVERY_S = 60.0

DEFAULT_SCOPES = frozenset({Scope.READ, Scope.WRITE, Scope.UNREDACTED})


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; times are seconds since 1970."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None


class ApiKeys:
    """The keys in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        tenant: str = "default",
        name: str = "",
        scopes: Collection[Scope] = DEFAULT_SCOPES,
        expires_in_s: float | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; what is known of it, and the key itself, which nobody can ask for again."""
        key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        values = {
            "id": key_id,
            "tenant": tenant,
            "name": name,
            "secret_sha256": _hash(secret),
            "scopes": sorted(scopes),
        }
        made = self._database.run(partial(_create, values=values, expires_in_s=expires_in_s))
        return made, f"vq_live_{key_id}_{secret}"

    def all(self, tenant: str | None = None) -> list[ApiKey]:
        """Every key, or every key of a tenant, oldest first."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        if tenant is not None:
            query = query.where(api_keys.c.tenant == tenant)
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(query)]

    def exist(self) -> bool:
        """Whether any key was ever made, and with it the wish to ask for one."""
        with self._database.read() as connection:
            return connection.execute(select(api_keys.c.id).limit(1)).first() is not None

    def revoke(self, key_id: str) -> ApiKey:
        """Make a key worthless from now on.

        Raises:
            KeyNotFound: there is no such key.
        """
        return self._database.run(partial(_revoke, key_id=key_id))

    def authenticate(self, token: str) -> ApiKey:
        """The key that `token` is.

        Raises:
            KeyRefused: it is none, or not any more; which of these it is, is not said.
        """
        read = _TOKEN.fullmatch(token)
        if read is None:
            raise KeyRefused
        key_id, secret = read.groups()
        with self._database.read() as connection:
            row = connection.execute(select(api_keys, db_now().label("now")).where(api_keys.c.id == key_id)).first()
        # Compared also where there is no such key, so that the time taken says nothing.
        is_right = hmac.compare_digest(row.secret_sha256 if row else _hash(""), _hash(secret))
        if row is None or not is_right or row.revoked_at is not None or (row.expires_at or row.now + 1) <= row.now:
            raise KeyRefused
        if row.last_used_at is None or row.now - row.last_used_at > _TOUCH_EVERY_S:
            self._database.run(partial(_touch, key_id=key_id))
        return _key(row)


def _hash(secret: str) -> str:
    # 256 random bits can't be guessed, so a slow hash would slow down nobody but us.
    return hashlib.sha256(secret.encode()).hexdigest()


def _create(connection: Connection, values: dict[str, Any], expires_in_s: float | None) -> ApiKey:
    earlier = connection.execute(select(api_keys).where(api_keys.c.id == values["id"])).first()
    if earlier is not None:
        return _key(earlier)
    expires_at = None if expires_in_s is None else db_now() + expires_in_s
    query = insert(api_keys).values(**values, created_at=db_now(), expires_at=expires_at)
    return _key(connection.execute(query.returning(api_keys)).one())


def _revoke(connection: Connection, key_id: str) -> ApiKey:
    connection.execute(
        update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=db_now())
    )
    row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
    if row is None:
        raise KeyNotFound(key_id)
    return _key(row)


def _touch(connection: Connection, key_id: str) -> None:
    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=db_now()))


def _key(row: Row[tuple[Any, ...]]) -> ApiKey:
    return ApiKey(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        scopes=frozenset(map(Scope, row.scopes)),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )

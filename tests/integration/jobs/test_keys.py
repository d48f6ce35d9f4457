"""API keys on both databases: found only by whoever holds the secret, and only while they hold."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from workers.db.session import Database
from workers.db.tables import api_keys
from workers.errors import KeyNotFound, KeyRefused
from workers.jobs.keys import DEFAULT_SCOPES, ApiKeys
from workers.states import Scope


@pytest.fixture
def keys(database: Database) -> ApiKeys:
    return ApiKeys(database)


def test_a_key_is_recognised_with_its_tenant_and_scopes(keys: ApiKeys) -> None:
    made, token = keys.create("north", "web", {Scope.READ})
    found = keys.authenticate(token)
    assert (found.id, found.tenant, found.name, found.scopes) == (made.id, "north", "web", frozenset({Scope.READ}))
    assert re.fullmatch(r"vq_live_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", token)


def test_what_is_kept_does_not_open_the_door(keys: ApiKeys, database: Database) -> None:
    made, token = keys.create()
    with database.read() as connection:
        row = connection.execute(select(api_keys)).one()
    assert token.split("_", 3)[3] not in str(tuple(row))
    with pytest.raises(KeyRefused):
        keys.authenticate(f"vq_live_{made.id}_{row.secret_sha256[:43]}")


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda _token: "",
        lambda token: token.replace("live", "test"),
        lambda token: token + "\n",
        lambda token: "vq_live_" + "0" * 12 + token[20:],
        lambda _token: "vq_live_\x00",
    ],
    ids=["another letter", "nothing", "another kind", "a line end", "another id", "NUL"],
)
def test_any_other_text_is_refused_with_the_same_words(keys: ApiKeys, change: Callable[[str], str]) -> None:
    _, token = keys.create()
    with pytest.raises(KeyRefused) as refused:
        keys.authenticate(change(token))
    assert refused.value.sentence == "The API key is missing, wrong, expired or revoked."


def test_a_revoked_key_is_refused_and_stays_in_the_list(keys: ApiKeys) -> None:
    made, token = keys.create()
    revoked = keys.revoke(made.id)
    assert revoked.revoked_at is not None
    assert keys.revoke(made.id).revoked_at == revoked.revoked_at
    with pytest.raises(KeyRefused):
        keys.authenticate(token)
    assert [key.id for key in keys.all()] == [made.id]
    with pytest.raises(KeyNotFound):
        keys.revoke("000000000000")


def test_an_expired_key_is_refused(keys: ApiKeys, database: Database) -> None:
    made, token = keys.create(expires_in_s=3600)
    assert made.expires_at == pytest.approx(made.created_at + 3600, abs=5)
    keys.authenticate(token)
    database.run(lambda connection: connection.execute(update(api_keys).values(expires_at=made.created_at - 1)))
    with pytest.raises(KeyRefused):
        keys.authenticate(token)


def test_the_last_use_is_noted_but_not_at_every_use(keys: ApiKeys) -> None:
    made, token = keys.create()
    assert made.last_used_at is None
    keys.authenticate(token)
    first = keys.all()[0].last_used_at
    keys.authenticate(token)
    assert first is not None
    assert keys.all()[0].last_used_at == first


def test_keys_are_listed_by_tenant(keys: ApiKeys) -> None:
    assert not keys.exist()
    for tenant in ("north", "south", "north"):
        keys.create(tenant)
    assert keys.exist()
    assert [key.tenant for key in keys.all("north")] == ["north", "north"]
    assert [key.tenant for key in keys.all()] == ["north", "south", "north"]
    assert keys.all("east") == []
    assert {key.scopes for key in keys.all()} == {DEFAULT_SCOPES}

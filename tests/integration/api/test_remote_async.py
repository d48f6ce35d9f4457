"""What the client of asyncio has beside its verbs: sessions, webhooks, vocabularies, usage, as the one that blocks."""

import asyncio
import inspect
from uuid import uuid4

import pytest

from pipeline.errors import InvalidOptions
from pipeline.options import JobOptions, Vocabulary
from tests.integration.api.conftest import TEXT, Door
from workers.errors import EndpointNotFound, SessionNotFound
from workers.jobs.delivery_log import DeliveryFilter
from workers.jobs.sessions import NewPiece, NewSession
from workers.remote import AsyncRemoteClient, RemoteClient


def test_both_clients_have_the_same_verbs_with_the_same_arguments() -> None:
    with RemoteClient("http://127.0.0.1:1") as blocking:
        awaited = AsyncRemoteClient("http://127.0.0.1:1")
        for part in ("sessions", "webhooks", "vocabularies"):
            ours, theirs = getattr(blocking, part), getattr(awaited, part)
            names = [name for name in dir(ours) if not name.startswith("_") and name != "carry_out"]
            assert names
            for name in names:
                assert inspect.signature(getattr(ours, name)) == inspect.signature(getattr(theirs, name))
        verbs = {name for name, _ in inspect.getmembers(RemoteClient, inspect.isfunction) if not name.startswith("_")}
        # A way to show transcripts, and one to open a socket: neither asks the server.
        assert verbs - {"view", "socket_address"} <= set(dir(AsyncRemoteClient))


def test_a_session_is_opened_read_and_ended_in_asyncio(door: Door) -> None:
    async def work() -> None:
        async with AsyncRemoteClient(door.url) as client:
            session_id = await client.sessions.open(NewSession("", "line 7"))
            job_id = str(uuid4())
            place = NewPiece(session_id, 0, 0.0, 10.0, 10.0)
            await asyncio.to_thread(
                door.client.enqueue_piece, place, job_id, b"RIFF of a kind", JobOptions(), file_name="piece.wav"
            )
            await asyncio.to_thread(door.complete, job_id)
            (piece,) = await client.sessions.pieces(session_id)
            assert TEXT in (piece.document or "")
            assert await client.sessions.pieces(session_id, after=0) == []
            await client.sessions.end(session_id)
            assert (await client.sessions.status(session_id)).ended_at is not None
            assert [each.id for each in await client.sessions.recent(limit=1)] == [session_id]
            with pytest.raises(SessionNotFound):
                await client.sessions.status(str(uuid4()))

    asyncio.run(work())


def test_webhooks_are_made_tested_and_removed_in_asyncio(door: Door) -> None:
    async def work() -> None:
        async with AsyncRemoteClient(door.url) as client:
            made, secret = await client.webhooks.add("https://93.184.215.14/hooks")
            assert (await client.webhooks.rotate(made.id, overlap_s=60))[1] != secret
            assert (await client.webhooks.switch(made.id, on=False)).disabled_at is not None
            await client.webhooks.switch(made.id, on=True)
            sent = await client.webhooks.fire_test(made.id)
            assert [each.id for each in await client.webhooks.deliveries(DeliveryFilter())] == [sent.id]
            assert (await client.webhooks.delivery(sent.id)).kind == "webhook.test"
            assert (await client.webhooks.callback_secret()).startswith("whsec_")
            await client.webhooks.remove(made.id)
            assert made.id not in {each.id for each in await client.webhooks.endpoints()}
            with pytest.raises(EndpointNotFound):
                await client.webhooks.remove(made.id)
            with pytest.raises(InvalidOptions):
                await client.webhooks.add("https://93.184.215.14/hooks", tenant="north")

    asyncio.run(work())


def test_usage_tags_and_the_vocabulary_are_read_in_asyncio(door: Door) -> None:
    wanted = Vocabulary(hotwords=("Voxqueue",))
    tagged = [door.submit(config='{"tags": ["sales"]}')["id"] for _ in range(3)]
    door.submit()
    door.complete(tagged[0])

    async def work() -> None:
        async with AsyncRemoteClient(door.url) as client:
            assert {job.id async for job in client.tagged("sales")} == set(tagged)
            assert [(each.jobs, each.audio_s) for each in await client.usage()] == [(1, 2.0)]
            await client.vocabularies.write(wanted)
            assert await client.vocabularies.read() == wanted

    asyncio.run(work())

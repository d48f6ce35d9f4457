"""The client over HTTP: the verbs of `workers.client` against a server, for programs that block and for asyncio.

    from workers.remote import AsyncRemoteClient, RemoteClient

    with RemoteClient("https://voxqueue.example", key="vq_live_...") as client:
        job = client.enqueue("call.wav", roles=("agent", "customer"))
        print(client.wait(job.id).state, client.result(job.id).text)

`verbs` says once what each verb asks and makes of the answer, `wire` reads and writes the JSON, `clients` and `awaited`
carry both. `sessions`, `webhooks` and `vocabularies` are what both have beside their verbs; see `carrying`.
"""

from workers.remote.awaited import AsyncRemoteClient
from workers.remote.clients import RemoteClient
from workers.remote.wire import Deletion, Heard

__all__ = ["AsyncRemoteClient", "Deletion", "Heard", "RemoteClient"]

"""The client over HTTP: the verbs of `workers.client` against a server, for programs that block and for asyncio.

    from workers.remote import AsyncRemoteClient, RemoteClient

    with RemoteClient("https://voxqueue.example", key="stt_live_...") as client:
        job = client.enqueue("call.wav", roles=("agent", "customer"))
        print(client.wait(job.id).state, client.result(job.id).text)

`verbs` says once what each verb asks and makes of the answer, `wire` reads and writes the JSON, `clients` carry both.
"""

from workers.remote.clients import AsyncRemoteClient, RemoteClient
from workers.remote.wire import Heard

__all__ = ["AsyncRemoteClient", "Heard", "RemoteClient"]

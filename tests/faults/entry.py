"""What the processes of a cluster run: the real worker, dispatcher and HTTP door, with the stub for a model.

    python -m tests.faults.entry worker QUEUES PROCESSES
    python -m tests.faults.entry dispatch
    python -m tests.faults.entry api PORT

`VOXQUEUE_FAULTS_ELSEWHERE` names another host than this one, so that only the lease tells that the process died;
`VOXQUEUE_FAULTS_CLOCK_S` puts its clock forward; `VOXQUEUE_FAULTS_MUTANT` names a defect of `mutants` for it to have.
"""

import os
import socket
import sys
import time

from tests.faults import mutants, stub
from workers import identity


def pretend() -> None:
    """Make this process what its environment says; processes of a pool that are spawned import this module too."""
    stub.install()
    if place := os.environ.get("VOXQUEUE_FAULTS_ELSEWHERE"):
        setattr(identity, "_place", lambda: place)  # noqa: B010  # a name for this host that the dispatcher does not know
    if shift_s := os.environ.get("VOXQUEUE_FAULTS_CLOCK_S"):
        real = time.time
        setattr(time, "time", lambda: real() + float(shift_s))  # noqa: B010  # the clock of another host
    if mutant := os.environ.get("VOXQUEUE_FAULTS_MUTANT"):
        mutants.MUTANTS[mutant]()


def main(arguments: list[str]) -> int:
    """Run until told to stop; the exit status."""
    what, *told = arguments
    if what == "worker":
        return _work(*told)
    return _open_door(*told) if what == "api" else _dispatch()


# Each imports only what it runs, as the real programs do.
def _dispatch() -> int:
    from workers.cli.service import dispatch  # noqa: PLC0415

    dispatch()
    return 0


def _open_door(port: str) -> int:
    from api.server import serve  # noqa: PLC0415
    from workers.settings import settings  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", int(port))) as listening:
        serve(settings(), listening)
    return 0


def _work(queues: str, processes: str) -> int:
    from workers.settings import settings  # noqa: PLC0415
    from workers.worker import serve  # noqa: PLC0415

    return serve(settings(), queues.split(","), int(processes))


pretend()
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

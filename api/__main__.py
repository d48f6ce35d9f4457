"""`python -m api --fd N`: serve on a socket that the parent has opened. Made for `voxqueue api` and `voxqueue up`."""

import argparse
import socket

from api.server import serve
from workers.settings import settings


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="api", description="Serve the HTTP API on a socket that is open already.")
    parser.add_argument("--fd", type=int, required=True, help="File descriptor of the listening socket.")
    serve(settings(), socket.socket(fileno=parser.parse_args().fd))


if __name__ == "__main__":
    main()

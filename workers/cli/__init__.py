"""The command `voxqueue`.

`app` is the program and what it exits with, `session` opens what a command works with, `sources` what it reads;
`transcribe`, `preflight`, `jobs`, `service`, `doors`, `keys`, `scoring`, `formatting` and `showcase` are its commands,
`progress` and `tables` show what goes on.
"""

from workers.cli.program import app, main

__all__ = ["app", "main"]

"""The embedded stack: everything that runs when nothing was set up.

`embedded` starts and stops it, `broker` is its Valkey, `processes` keeps its children running, `tether` makes them die
with it, `lock` allows one a home, `presence` sees workers that others run.
"""

from workers.stack.embedded import Stack, stack_settings
from workers.stack.lock import is_running
from workers.stack.presence import queues_served
from workers.stack.processes import Child

__all__ = ["Child", "Stack", "is_running", "queues_served", "stack_settings"]

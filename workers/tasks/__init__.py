"""One Celery task a step, one module a task; a worker imports only the modules of the queues that it serves.

A task loads, calls, saves; decisions about speech are made in `pipeline`.
"""

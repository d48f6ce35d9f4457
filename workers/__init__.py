"""Everything with a clock, a network or a disk: Celery application, job state, artifacts, command line, client."""

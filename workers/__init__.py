"""Everything with a clock, a network or a disk: the Celery application, job state, artifacts, command line and client."""

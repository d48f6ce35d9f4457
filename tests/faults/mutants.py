"""Defects to be planted in the processes of a cluster: a suite that does not notice them proves nothing."""

from collections.abc import Callable

MUTANTS: dict[str, Callable[[], None]] = {}

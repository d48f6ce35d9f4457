"""Servers for all tests of faults, and scenes: a cluster, a door to it, and the verdict on what was handed in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.cluster import Servers, servers
from tests.faults.scene import Scene, scene

MakeScene = Callable[..., Scene]


@pytest.fixture(scope="session")
def given() -> Iterator[Servers]:
    with servers() as made:
        yield made


@pytest.fixture
def make_scene(given: Servers) -> Iterator[MakeScene]:
    """Start a cluster for one test: see `scene`."""
    with ExitStack() as stack:
        yield lambda *arguments, **settings: stack.enter_context(scene(given, *arguments, **settings))


@pytest.fixture(scope="module")
def shared(given: Servers) -> Iterator[Scene]:
    """One cluster for the faults after which it is as good as new."""
    with scene(given, failpoint="artifact.written:enospc*on", max_crashes=50, max_retries=9) as made:
        made.settle(made.hand_in(1))
        yield made

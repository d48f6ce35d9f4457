"""Verbs that are said once, as methods of what blocks and of what is awaited."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from workers.remote.verbs import Verb

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Run(Protocol):
    """Carries a verb out and returns what it returns."""

    def __call__(self, verb: Verb[Result]) -> Result:
        """Carry it out."""
        ...


class AsyncRun(Protocol):
    """The same, to be awaited."""

    def __call__(self, verb: Verb[Result]) -> Awaitable[Result]:
        """Carry it out."""
        ...


class Blocking:
    """Something whose verbs are carried out before they return."""

    def __init__(self, run: Run) -> None:
        self.carry_out = run


class Awaited:
    """Something whose verbs are awaited."""

    def __init__(self, run: AsyncRun) -> None:
        self.carry_out = run


class Carried(Generic[Given, Result]):
    """Makes a method that is a verb one that a `Blocking` or an `Awaited` carries out."""

    def __init__(self, verb: Callable[Concatenate[Any, Given], Verb[Result]]) -> None:
        self._verb = verb

    @overload
    def __get__(self, client: Blocking, kind: type) -> Callable[Given, Result]: ...
    @overload
    def __get__(self, client: Awaited, kind: type) -> Callable[Given, Awaitable[Result]]: ...
    def __get__(self, client: Blocking | Awaited, kind: type) -> Callable[Given, Any]:
        """The method of this client."""

        @wraps(self._verb)
        def method(*args: Given.args, **kwargs: Given.kwargs) -> Any:
            return client.carry_out(self._verb(client, *args, **kwargs))

        return method

"""JSON as strangers send it, read strictly: what two readers could understand differently is refused."""

import json
import math
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from api.errors import InvalidRequest, MalformedBody
from api.schemas import LiveAudio
from pipeline.options import JobOptions

Model = TypeVar("Model", bound=BaseModel)

DEEPEST = 64
"""How far objects and arrays may stand in one another."""
_LONGEST_NUMBER = 4000


def read_as(model: type[Model], text: bytes | str, where: str = "") -> Model:
    """`text` as JSON of this form; `where` names it in the error.

    Raises:
        MalformedBody: it is not JSON that everyone reads alike.
        InvalidRequest: it is not of this form.
    """
    check_json(text)
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        places = [
            (".".join(map(str, ([where] if where else []) + list(each["loc"]))), each["msg"]) for each in error.errors()
        ]
        raise InvalidRequest(": ".join(filter(None, places[0])), places) from error


def checked_options(wanted: LiveAudio) -> JobOptions:
    """The options of each piece of a live call.

    Raises:
        InvalidRequest: they contradict each other.
    """
    try:
        return wanted.job_options
    except ValidationError as error:
        raise InvalidRequest(str(error.errors()[0]["msg"])) from error


def check_json(text: bytes | str) -> Any:
    """`text` parsed.

    Raises:
        MalformedBody: it is no JSON, too deep, has a key twice, a number that is none, or half a character.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        read = json.loads(
            decoded,
            object_pairs_hook=_without_repeats,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
        _check_depth(read)
        # A lone surrogate passes as an escape, and can be written nowhere.
        json.dumps(read, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise MalformedBody("it holds text that is no Unicode") from error
    except RecursionError as error:
        raise MalformedBody("it is nested too deeply") from error
    except ValueError as error:
        raise MalformedBody(f"not JSON: {error}") from error
    return read


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is out of range")
    return value


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number is out of range")
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for each in level if isinstance(each, list | dict) for inner in _members(each)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _members(value: list[Any] | dict[str, Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value

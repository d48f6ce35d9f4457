"""The web page: files as they are, which may talk to this server and to nothing else."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from api.errors import RouteNotFound

router = APIRouter(include_in_schema=False)

_FOLDER = Path(__file__).parents[1] / "page"
_FILES = frozenset(path.name for path in _FOLDER.iterdir())
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@router.get("/")
async def index() -> FileResponse:
    """The page."""
    return _file("index.html")


@router.get("/page/{name}")
async def part(name: Annotated[str, InPath(max_length=64)]) -> FileResponse:
    """A script, a style or a picture of it."""
    if name not in _FILES:
        raise RouteNotFound(name)
    return _file(name)


def _file(name: str) -> FileResponse:
    # Asked for again each time, and answered with 304 as long as it is the same.
    return FileResponse(_FOLDER / name, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})

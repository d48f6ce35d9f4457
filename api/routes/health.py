"""Whether the door is open and what lies behind it, for load balancers and the curious."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> dict[str, str]:
    """Answers as long as the process does."""
    return {"status": "ok"}


@router.get("/readyz", summary="Can jobs be handed in?", responses={503: {"description": "The database is away."}})
async def readyz(request: Request) -> JSONResponse:
    """Asks the database."""
    await request.app.state.services.is_ready()
    return JSONResponse({"status": "ok"})

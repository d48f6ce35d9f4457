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
    """Asks the database; a job is taken whatever the broker and the workers do, so these only make it `degraded`."""
    services = request.app.state.services
    await services.is_ready()
    return JSONResponse(await services.readiness.told())

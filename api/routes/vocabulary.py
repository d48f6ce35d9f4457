"""The words of a tenant's calls, which its jobs expect and replace without being told each time."""

from http import HTTPStatus

from fastapi import APIRouter

from api.refusals import refusals
from api.security import Admin, Reader
from pipeline.options import Vocabulary

router = APIRouter(tags=["vocabulary"])


@router.get("/v1/vocabulary", summary="Show hotwords and replacements", responses=refusals())
async def get_vocabulary(caller: Reader) -> Vocabulary:
    """Those that stand behind what each job of the tenant asks for itself."""
    return await caller.services.read(caller.services.client.vocabularies.read, caller.tenant)


@router.put("/v1/vocabulary", summary="Set hotwords and replacements", responses=refusals(HTTPStatus.BAD_REQUEST))
async def put_vocabulary(wanted: Vocabulary, caller: Admin) -> Vocabulary:
    """In place of all that there were. They hold for what is decoded from now on, also when it waits already."""
    await caller.services.write(caller.services.client.vocabularies.write, wanted, caller.tenant)
    return wanted

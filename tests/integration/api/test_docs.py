"""The examples of docs/api.md, run as they stand there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.api.conftest import Door

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


def curls() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("curl ")]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_example_of_the_page_works(door: Door, colleague: None, tmp_path: Path) -> None:
    (tmp_path / "call.wav").write_bytes(b"RIFF of a kind")
    environment = {**os.environ, "URL": door.url}
    assert len(curls()) > 8
    for line in curls():
        # --fail-with-body: a refusal ends with a status of its own.
        command = line.replace("curl ", "curl --fail-with-body --max-time 60 ", 1)
        ran = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{line}: {ran.stdout}{ran.stderr}"
        if "JOB" not in environment:
            environment["JOB"] = re.search(r'"id":"([^"]+)"', ran.stdout)[1]  # type: ignore[index]
            assert door.client.wait(environment["JOB"], timeout_s=60).state == "completed"
        if "retry" in line:
            door.client.wait(environment["JOB"], timeout_s=60)

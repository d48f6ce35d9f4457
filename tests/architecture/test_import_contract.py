"""The import contract (`[tool.importlinter]` in pyproject.toml) is kept, and it notices when it is not."""

import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "workers", "api")
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
CPU_MODULES = ("pipeline.preprocess", "pipeline.features", "pipeline.decode", "pipeline.format", "pipeline.render")


def lint_imports(tree: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(LINT_IMPORTS), "--config", str(ROOT / "pyproject.toml"), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def test_the_contract_is_kept() -> None:
    ran = lint_imports(ROOT)
    assert ran.returncode == 0, ran.stdout


FAULTS = [
    ("pipeline/values.py", "import workers.states", "pipeline.values -> workers.states"),
    ("pipeline/values.py", "from celery import shared_task", "pipeline.values -> celery"),
    ("pipeline/features.py", "def f() -> None:\n    import sqlalchemy", "pipeline.features -> sqlalchemy"),
    ("pipeline/render/text.py", "import pipeline.decode", "pipeline.render.text -> pipeline.decode"),
    ("pipeline/format/__init__.py", "import pipeline.decode", "pipeline.format -> pipeline.decode"),
    ("pipeline/features.py", "import pipeline.audio", "pipeline.features -> pipeline.audio"),
    ("pipeline/decode/__init__.py", "import torch", "pipeline.decode -> torch"),
    ("pipeline/inference/batches.py", "import torch", "pipeline.inference.batches -> torch"),
    ("workers/app.py", "import transformers", "workers.app -> transformers"),
    ("pipeline/helpers.py", '"""No layer."""', "pipeline.helpers"),
    ("workers/errors.py", "import workers.app", "workers.errors -> workers.app"),
    ("workers/helpers.py", '"""No layer."""', "workers.helpers"),
    ("workers/client.py", "import api.app", "workers.client -> api.app"),
    ("api/errors.py", "import api.app", "api.errors -> api.app"),
    ("api/helpers.py", '"""No layer."""', "api.helpers"),
    ("api/routes/jobs.py", "from workers.db.tables import jobs", "api.routes.jobs -> workers.db.tables"),
    ("api/routes/jobs.py", "import pipeline.preprocess", "api.routes.jobs -> pipeline.preprocess"),
    ("workers/dispatch.py", "from workers.db.tables import jobs", "workers.dispatch -> workers.db.tables"),
]


@pytest.fixture(scope="module")
def verdict_on_faults(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the contract says of a copy of the tree in which every fault is planted."""
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for module, line, _ in FAULTS:
        with (tree / module).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    ran = lint_imports(tree)
    assert ran.returncode == 1
    return ran.stdout


@pytest.mark.parametrize("notice", [notice for _, _, notice in FAULTS])
def test_a_planted_fault_is_noticed(verdict_on_faults: str, notice: str) -> None:
    assert notice in verdict_on_faults


def import_order(*packages: str) -> list[str]:
    """Modules so that each comes after what it imports, also inside functions and for types alone."""
    graph = grimp.build_graph(*packages, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    return list(TopologicalSorter(imports).static_order())


def test_no_import_goes_in_a_circle() -> None:
    order = import_order(*PACKAGES)
    assert order.index("pipeline.errors") < order.index("workers.errors")


@pytest.mark.parametrize("module", [*CPU_MODULES, "workers.client", "api.server"])
def test_cpu_code_does_not_load_torch(module: str) -> None:
    assert loaded_by(module, "torch", "transformers") == []


@pytest.mark.parametrize("module", ["workers.client", "api.server"])
def test_doors_load_nothing_of_audio(module: str) -> None:
    assert loaded_by(module, "librosa", "numba", "soundfile", "onnxruntime", "ctranslate2") == []


def test_what_is_loaded_is_seen() -> None:
    assert loaded_by("soundfile", "soundfile", "torch") == ["soundfile"]


def loaded_by(module: str, *libraries: str) -> list[str]:
    """Which of `libraries` a fresh interpreter has loaded after importing `module`."""
    code = f"import sys, {module}; print(*(name for name in {libraries!r} if name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return ran.stdout.split()

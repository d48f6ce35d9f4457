"""The style budget notices what it is there for: each measure meets code that breaks it and code that does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import measures
from tests.architecture.measures import Source, parse

ROOT = Path(__file__).parents[2]


def source(text: str) -> Source:
    return parse("bad.py", text)


def only_function(text: str) -> measures.Function:
    (_, function), *_ = measures.functions(source(text))
    return function


def test_the_length_of_a_file_counts_blank_lines_and_comments() -> None:
    assert measures.file_length(source("a = 1\n\n# why\n")) == 3


def test_the_body_of_a_function_starts_after_its_docstring() -> None:
    assert measures.body_lines(only_function('def f():\n    """Says."""\n\n    a = 1\n\n    return a\n')) == 3
    assert measures.body_lines(only_function('def f():\n    """Says."""\n')) == 0


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        ("return 1", 0),
        ("for a in b:\n  if a:\n   while a:\n    with a:\n     pass", 4),
        ("if a:\n  pass\n elif b:\n  pass\n elif c:\n  for d in e:\n   pass", 2),
        ("if a:\n  pass\n else:\n  if b:\n   for d in e:\n    pass", 3),
        ("try:\n  pass\n except A:\n  if a:\n   pass", 2),
        ("def inner():\n  for a in b:\n   for c in d:\n    pass\n return inner", 0),
    ],
)
def test_nesting_counts_blocks_in_blocks(body: str, depth: int) -> None:
    assert measures.nesting(only_function(f"def f():\n {body}\n")) == depth


@pytest.mark.parametrize(
    "signature", ["f(a) -> int", "f(*a) -> int", "f(**a) -> int", "f(*, a) -> int", "f(a, /) -> int", "f(a: int)"]
)
def test_a_missing_annotation_is_noticed(signature: str) -> None:
    assert measures.unannotated(only_function(f"def {signature}: ...\n"))


def test_self_and_cls_need_no_annotation() -> None:
    assert not measures.unannotated(only_function("class A:\n    def f(self, a: int, *b: int) -> None: ...\n"))


def test_public_code_without_docstring_is_noticed() -> None:
    found = list(measures.undocumented(source("class A:\n    def f(self): ...\n    def _g(self): ...\ndef h(): ...\n")))
    assert found == ["bad.py", "bad.py:1 A", "bad.py:2 f", "bad.py:4 h"]


def test_private_code_and_documented_code_pass() -> None:
    assert list(measures.undocumented(source('"""Doc."""\ndef f():\n    """Doc."""\ndef _g(): ...\n'))) == []


def test_comments_for_the_reader_are_told_from_code_docstrings_and_notes_to_tools() -> None:
    text = '"""Doc.\n\nMore.\n"""\n# why\na = 1  # noqa: E1\nb = (\n    2,  # also why\n)\nc = "# no comment"\n'
    assert measures.comments_and_code(source(text)) == (2, 5)


def test_what_is_said_of_a_constant_is_a_comment() -> None:
    assert measures.comments_and_code(source('RATE_HZ = 8000\n"""Of the line."""\n')) == (1, 1)


def test_a_note_to_a_tool_with_its_reason_is_a_comment() -> None:
    assert measures.comments_and_code(source("a = 1  # noqa: S311  # jitter, not a secret\n")) == (1, 1)
    assert measures.comments_and_code(source("a = 1  # type: ignore[misc]\n")) == (0, 1)


@pytest.mark.parametrize("handler", ["except:", "except Exception:", "except (ValueError, BaseException) as error:"])
def test_a_broad_except_is_noticed(handler: str) -> None:
    assert list(measures.broad_excepts(source(f"try:\n    a()\n{handler}\n    pass\n"))) == ["bad.py:3"]


def test_raising_an_exception_again_does_not_make_its_handler_narrow() -> None:
    text = "try:\n    a()\nexcept Exception:\n    log()\n    raise\n"
    assert list(measures.broad_excepts(source(text))) == ["bad.py:3"]


@pytest.mark.parametrize(
    "handler",
    ["except (ValueError, sqlalchemy.exc.DBAPIError):\n    pass", "except BaseException:\n    b()\n    raise"],
)
def test_a_narrow_except_and_one_that_tidies_up_pass(handler: str) -> None:
    assert list(measures.broad_excepts(source(f"try:\n    a()\n{handler}\n"))) == []


@pytest.mark.parametrize(
    "text", ["import os\nos.environ['A']", "\nfrom os import environ", "\nos.getenv('A')", "\nprint(1)", "\nx = print"]
)
def test_a_forbidden_name_is_noticed(text: str) -> None:
    assert list(measures.uses_of(source(text), "os.environ", "os.getenv", "print")) == ["bad.py:2"]


def test_mocks_are_counted_and_the_environment_is_no_mock() -> None:
    text = "from unittest.mock import patch\ndef test_a(monkeypatch):\n    monkeypatch.setattr(a, 'b', 1)\n"
    assert measures.mock_mentions(source(text)) == 2
    assert measures.tests_in(source(text)) == 1
    assert measures.mock_mentions(source("def test_a(monkeypatch):\n    monkeypatch.setenv('A', '1')\n")) == 0


def _branches(count: int) -> str:
    return "".join(f"    if a == {n}:\n        return {n}\n" for n in range(count))


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("def f(a: int) -> int:\n" + _branches(10) + "    return 11\n", "C901"),
        ("def f(a: int, b: int, c: int, d: int, e: int, f: int) -> None: ...\n", "PLR0913"),
        ("def f(a: list[int] = []) -> None: ...\n", "B006"),
        ("try:\n    pass\nexcept Exception:\n    pass\n", "BLE001"),
        ("# a = f(1)\n", "ERA001"),
    ],
)
def test_the_linter_as_configured_notices(code: str, rule: str) -> None:
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--stdin-filename",
        "pipeline/bad.py",
        "--output-format=concise",
        "-",
    ]
    ran = subprocess.run(command, input=code, cwd=ROOT, capture_output=True, text=True, check=False)
    assert rule in ran.stdout

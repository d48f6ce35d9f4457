"""The tree of errors: what its drawing promises, and that an error says the same wherever it arrives."""

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import errors
from pipeline.errors import InputError, ModelError, TransientError, VoxqueueError

TREE = list(errors.__doc__.splitlines() if errors.__doc__ else ())
CODE = r"[A-Z]+(_[A-Z]+)*"
PIPELINE = Path(errors.__file__).parent


def _family(kind: type[VoxqueueError]) -> Iterator[type[VoxqueueError]]:
    """`kind` and what is derived from it in the pipeline; others derive errors of their own."""
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _family(each)


ALL = list(_family(VoxqueueError))


def _drawn() -> list[tuple[str, str, str | None]]:
    """Parent, name and, where it is given, code of each class in the drawing."""
    parents: list[str] = []
    rows: list[tuple[str, str, str | None]] = []
    for line in TREE:
        found = re.match(r"    ([│ ├└─]*)([A-Z]\w+)", line)
        if found:
            depth, last = len(found[1]) // 4, line.split()[-1]
            del parents[depth:]
            code = last if re.fullmatch(CODE, last) else None
            rows.append((parents[-1] if parents else "Exception", found[2], code))
            parents.append(found[2])
    return rows


def test_the_drawing_holds_every_class_below_its_parent_with_its_code() -> None:
    drawn = {name: (parent, code) for parent, name, code in _drawn()}
    assert set(drawn) == {kind.__name__ for kind in ALL}
    for kind in ALL:
        parent, code = drawn[kind.__name__]
        assert kind.__bases__[0].__name__ == parent
        assert code in {None, kind.code}


def test_no_two_errors_share_a_code() -> None:
    codes = [kind.code for kind in ALL if kind is not InputError]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(CODE, code) for code in codes)


def test_only_errors_of_the_moment_are_tried_again() -> None:
    assert {kind for kind in ALL if kind.retryable} == set(_family(TransientError))


@pytest.mark.parametrize(("kind", "builtin"), [(InputError, ValueError), (ModelError, RuntimeError)])
def test_callers_that_do_not_know_the_tree_catch_the_fitting_built_in(
    kind: type[VoxqueueError], builtin: type[Exception]
) -> None:
    assert all(issubclass(each, builtin) for each in _family(kind))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_the_sentence_is_one_line_with_the_detail_in_brackets(kind: type[VoxqueueError]) -> None:
    plain, detailed = kind(), kind("9 channels")
    assert str(plain) == plain.sentence
    assert plain.sentence[0].isupper()
    assert plain.sentence.endswith(".")
    assert "\n" not in plain.sentence
    assert detailed.sentence == f"{plain.sentence} (9 channels)"


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_says_the_same_after_it_came_from_another_process(kind: type[VoxqueueError]) -> None:
    sent = kind("0.01 s")
    arrived = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(sent))))
    assert type(arrived) is kind
    assert (str(arrived), arrived.detail, arrived.code) == (str(sent), "0.01 s", kind.code)


def test_every_error_of_the_caller_or_the_model_is_raised_somewhere() -> None:
    """A class that nothing raises is a promise of an answer that nobody gets."""
    named: set[str] = set()
    for path in PIPELINE.rglob("*.py"):
        if path.name != "errors.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            named |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            named |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    leaves = {kind.__name__ for kind in ALL if not kind.__subclasses__() and not issubclass(kind, TransientError)}
    # Raised where uploads are taken and options are joined, by those who use the pipeline.
    assert leaves - named <= {"InvalidOptions"}

"""What the style budget counts, each measure a function of source text or of its syntax tree."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = Function | ast.ClassDef | ast.Module

BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
TOOL_COMMENT = re.compile(r"#!.*|# (type: ignore|noqa|pragma|ruff)[^#]*")


@dataclass(frozen=True)
class Source:
    """A file of Python with its tree; `name` is its path as a reader would say it."""

    name: str
    text: str
    tree: ast.Module


def read_sources(root: Path, *folders: str) -> list[Source]:
    """Every Python file below `folders` of `root`, sorted by name."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return [parse(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def parse(name: str, text: str) -> Source:
    """`text` as a source called `name`."""
    return Source(name, text, ast.parse(text))


def file_length(source: Source) -> int:
    """Lines of the file, all of them."""
    return len(source.text.splitlines())


def functions(source: Source) -> Iterator[tuple[str, Function]]:
    """Every function and method, nested ones too, with where it stands."""
    for node in ast.walk(source.tree):
        if isinstance(node, Function):
            yield f"{source.name}:{node.lineno} {node.name}", node


def _without_docstring(node: Documented) -> list[ast.stmt]:
    return node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body


def body_lines(function: Function) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = _without_docstring(function)
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1 if body else 0


def nesting(function: Function) -> int:
    """How deep blocks stand in one another; an `elif` is no deeper than its `if`, an inner function counts apart."""

    def deepest(node: ast.AST, depth: int, *, continues: bool = False) -> int:
        if isinstance(node, SCOPES):
            return depth
        inside = depth + (isinstance(node, BLOCKS) and not continues)
        chained = node.orelse if isinstance(node, ast.If) and _is_elif(node) else []
        return max(
            (deepest(child, inside, continues=child in chained) for child in ast.iter_child_nodes(node)), default=inside
        )

    return max((deepest(statement, 0) for statement in function.body), default=0)


def _is_elif(node: ast.If) -> bool:
    return len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If) and node.orelse[0].col_offset == node.col_offset


def unannotated(function: Function) -> bool:
    """Whether a parameter, other than self and cls, or the result has no type."""
    spec = function.args
    starred = [each for each in (spec.vararg, spec.kwarg) if each is not None]
    parameters = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *starred]
    return function.returns is None or any(
        each.annotation is None for each in parameters if each.arg not in {"self", "cls"}
    )


def undocumented(source: Source) -> Iterator[str]:
    """The module and its public classes, functions and methods, as far as they have no docstring."""
    if source.tree.body and ast.get_docstring(source.tree) is None:
        yield source.name
    yield from _undocumented_in(source.tree, source.name)


def _undocumented_in(parent: ast.Module | ast.ClassDef, where: str) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield f"{where}:{node.lineno} {node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented_in(node, where)


def comments_and_code(source: Source) -> tuple[int, int]:
    """Lines that explain to the reader, and lines with code; docstrings and blank lines are neither.

    Explanations are comments and strings below a constant. A note to a tool is one only where it says its reason:
    `# noqa: S311  # jitter, not a secret`.
    """
    docstrings, remarks = _string_lines(source.tree)
    comments: set[int] = set()
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        lines = range(token.start[0], token.end[0] + 1)
        if token.type not in LAYOUT and token.type != tokenize.COMMENT:
            code.update(lines)
        elif token.type == tokenize.COMMENT and not TOOL_COMMENT.fullmatch(token.string):
            comments.update(lines)
    return len(comments | remarks), len(code - docstrings - remarks)


def _string_lines(tree: ast.Module) -> tuple[set[int], set[int]]:
    """The lines of docstrings, and those of other strings that stand alone: what is said of a constant."""
    docstrings = [
        node.body[0]
        for node in ast.walk(tree)
        if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None
    ]
    alone = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and _is_text(node.value)]
    remarks = [node for node in alone if node not in docstrings]
    return _lines(docstrings), _lines(remarks)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _lines(statements: Sequence[ast.stmt]) -> set[int]:
    return {line for node in statements for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def broad_excepts(source: Source) -> Iterator[str]:
    """Handlers of every error: a bare `except`, `Exception` or `BaseException`, alone or in a tuple.

    A handler of `BaseException` that ends by raising it again is none: it tidies up, whatever happened.
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _caught(node) & {"", "Exception", "BaseException"}:
            tidies_up = _caught(node) == {"BaseException"} and _raises_again(node.body[-1])
            if not tidies_up:
                yield f"{source.name}:{node.lineno}"


def _caught(handler: ast.ExceptHandler) -> set[str]:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(each) if each is not None else "" for each in caught}


def _raises_again(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Raise) and statement.exc is None


def uses_of(source: Source, *dotted: str) -> Iterator[str]:
    """Where a name such as `print` or `os.environ` is used, also when it was imported from its module."""
    wanted = set(dotted)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            used = {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = {f"{node.value.id}.{node.attr}"}
        elif isinstance(node, ast.Name):
            used = {node.id}
        else:
            continue
        if used & wanted:
            yield f"{source.name}:{node.lineno}"


def tests_in(source: Source) -> int:
    """How many test functions the file has."""
    return sum(function.name.startswith("test_") for _, function in functions(source))


def mock_mentions(source: Source) -> int:
    """How often the code names a mock or replaces a name; setting an environment variable is neither."""
    mentions = 0
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            mentions += "mock" in (node.module or "")
        elif isinstance(node, ast.Attribute):
            mentions += "mock" in node.attr.lower() or node.attr in {"patch", "setattr"}
        elif isinstance(node, ast.Name):
            mentions += "mock" in node.id.lower() or node.id == "patch"
    return mentions

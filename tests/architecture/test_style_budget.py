"""The style budget, over the whole project; CONTRIBUTING.md says what each limit is for."""

from functools import cache
from pathlib import Path
from statistics import median

from tests.architecture import measures
from tests.architecture.measures import Source

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 350
MEDIAN_FILE = 120
LONGEST_BODY = 60
LONG_BODY = 40
LONG_BODIES_PERCENT = 2
DEEPEST_NESTING = 3
COMMENTS_PER_100_LINES = (3, 8)
TEST_LINES_PER_SOURCE_LINE = (1.0, 1.5)
MOCKS_PER_TEST = 0.1


@cache
def product() -> list[Source]:
    """What is installed."""
    return measures.read_sources(ROOT, "pipeline", "workers", "api", "migrations")


@cache
def proofs() -> list[Source]:
    """What proves it."""
    return measures.read_sources(ROOT, "tests")


@cache
def everything() -> list[Source]:
    """All Python of the project."""
    return [*product(), *proofs(), *measures.read_sources(ROOT, "bench", "training")]


def test_no_file_is_too_long_to_read_in_one_go() -> None:
    assert [source.name for source in everything() if measures.file_length(source) > LONGEST_FILE] == []


def test_most_files_are_short() -> None:
    assert median(measures.file_length(source) for source in product()) <= MEDIAN_FILE


def test_functions_fit_one_screen() -> None:
    bodies = {where: measures.body_lines(node) for each in product() for where, node in measures.functions(each)}
    long = {where: lines for where, lines in bodies.items() if lines > LONG_BODY}
    assert {where: lines for where, lines in long.items() if lines > LONGEST_BODY} == {}
    assert len(long) * 100 <= LONG_BODIES_PERCENT * len(bodies), long


def test_blocks_are_not_nested_deeply() -> None:
    found = [(where, node) for source in everything() for where, node in measures.functions(source)]
    assert [where for where, node in found if measures.nesting(node) > DEEPEST_NESTING] == []


def test_every_function_is_fully_annotated() -> None:
    found = [(where, node) for source in everything() for where, node in measures.functions(source)]
    assert [where for where, node in found if measures.unannotated(node)] == []


def test_everything_public_says_its_contract() -> None:
    assert [where for source in product() for where in measures.undocumented(source)] == []


def test_comments_are_few_and_not_missing() -> None:
    counted = [measures.comments_and_code(source) for source in product()]
    comments = sum(comments for comments, _ in counted)
    code = sum(code for _, code in counted)
    fewest, most = COMMENTS_PER_100_LINES
    assert fewest <= 100 * comments / code <= most, f"{comments} comments, {code} lines of code"


def test_one_place_catches_every_error() -> None:
    found = [where for source in product() for where in measures.broad_excepts(source)]
    assert [where.split(":")[0] for where in found] == ["workers/task.py"]


def test_settings_alone_read_the_environment() -> None:
    readers = [
        where for each in product() for where in measures.uses_of(each, "os.environ", "os.getenv", "os.environb")
    ]
    assert [where for where in readers if not where.startswith("workers/settings.py:")] == []


def test_the_command_line_alone_prints() -> None:
    printers = [where for each in product() for where in measures.uses_of(each, "print", "sys.stdout")]
    assert [where for where in printers if not where.startswith("workers/cli")] == []


def test_tests_are_as_long_as_what_they_prove() -> None:
    # A row of a table of cases is a test like any other, kept where whoever knows the language can add to it.
    rows = sum(_cases_in(table) for table in (ROOT / "tests").rglob("*.tsv"))
    proof = rows + sum(measures.comments_and_code(source)[1] for source in proofs())
    code = sum(measures.comments_and_code(source)[1] for source in product())
    least, most = TEST_LINES_PER_SOURCE_LINE
    assert least <= proof / code <= most, f"{proof} lines of tests, {code} of source"


def test_tests_use_the_real_thing() -> None:
    used = [source for source in proofs() if not source.name.startswith("tests/architecture/")]
    mentions = sum(measures.mock_mentions(source) for source in used)
    assert mentions <= MOCKS_PER_TEST * sum(measures.tests_in(source) for source in used)


def _cases_in(table: Path) -> int:
    lines = table.read_text(encoding="utf-8").splitlines()
    return sum(1 for line in lines if line.strip() and not line.startswith("#"))

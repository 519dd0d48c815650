"""The matrix, read from the file that the configuration names."""

from collections.abc import Mapping
from pathlib import Path

from bridge.config.problems import ConfigurationError, Problem
from bridge.model.people import Company
from bridge.rules.matrix import Matrix, MatrixError, read_matrix
from bridge.rules.preconditions import missing_preconditions
from bridge.rules.rows import Problem as RowProblem


def read_scenarios(path: Path) -> Matrix:
    """The matrix of this file.

    Raises:
        ConfigurationError: it cannot be read, or anything in it is wrong; every problem names the row and the line.

    """
    problems: tuple[Problem, ...]
    try:
        return read_matrix(path.read_bytes().decode())
    except OSError as error:
        problems = (_unreadable(path, f"it cannot be read ({error.strerror})"),)
    except UnicodeDecodeError as error:
        problems = (_unreadable(path, f"it is no UTF-8 (byte {error.start}); save it as UTF-8"),)
    except MatrixError as error:
        problems = tuple(_placed(path, problem) for problem in error.problems)
    raise ConfigurationError(problems)


def refuse_unprepared(matrix: Matrix, company: Company, path: Path, places: Mapping[str, tuple[str, int]]) -> None:
    """Make sure that the company has whom and what the matrix needs (S3-01).

    `places` tells the file and line of what a problem may name: `policy.senior`, `employee jan`, `line +44…`.

    Raises:
        ConfigurationError: something is missing; every problem says what.

    """
    problems = missing_preconditions(company, matrix)
    if problems:
        raise ConfigurationError(tuple(_located(path, problem, places) for problem in problems))


def _located(path: Path, problem: RowProblem, places: Mapping[str, tuple[str, int]]) -> Problem:
    if problem.scenario is not None:
        return _placed(path, problem)
    file, line = places.get(problem.key) or places.get(problem.key.rpartition(".")[0]) or places[""]
    return Problem(file=file, line=line, key=problem.key, value=problem.value or None, remedy=problem.remedy)


def _unreadable(path: Path, remedy: str) -> Problem:
    return Problem(file=str(path), line=1, key="scenarios", value=None, remedy=remedy)


def _placed(path: Path, problem: RowProblem) -> Problem:
    row = f"scenario {problem.scenario}" if problem.scenario else ""
    key = f"{row}: {problem.key}" if row and problem.key else row or problem.key or "scenarios"
    return Problem(file=str(path), line=problem.line or 1, key=key, value=problem.value or None, remedy=problem.remedy)

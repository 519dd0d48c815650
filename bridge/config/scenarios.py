"""The matrix, read from the file that the configuration names."""

from pathlib import Path

from bridge.config.problems import ConfigurationError, Problem
from bridge.rules.matrix import Matrix, MatrixError, read_matrix
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


def _unreadable(path: Path, remedy: str) -> Problem:
    return Problem(file=str(path), line=1, key="scenarios", value=None, remedy=remedy)


def _placed(path: Path, problem: RowProblem) -> Problem:
    row = f"scenario {problem.scenario}" if problem.scenario else ""
    key = f"{row}: {problem.key}" if row and problem.key else row or problem.key or "scenarios"
    return Problem(file=str(path), line=problem.line or 1, key=key, value=problem.value or None, remedy=problem.remedy)

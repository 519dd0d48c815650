"""Something we need is gone: said once when it is lost and once when it is back."""

import structlog

log = structlog.get_logger()


class Outage:
    """The state of one thing we need, as one of its users sees it. `what` is the noun of the log lines."""

    def __init__(self, what: str) -> None:
        self._lost_line = f"{what}.lost"
        self._found_line = f"{what}.recovered"
        self._lost = False

    @property
    def lost(self) -> bool:
        """It was not there when we last tried."""
        return self._lost

    def begins(self, error: Exception) -> None:
        """It is not there; logged only if that is news."""
        if not self._lost:
            self._lost = True
            log.error(self._lost_line, problem=str(error))

    def ends(self) -> None:
        """It works; logged only if that is news."""
        if self._lost:
            self._lost = False
            log.info(self._found_line)

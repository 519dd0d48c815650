"""What a remote system's answer means to whoever delivers: one word for each thing that he does next."""

from enum import StrEnum
from typing import Protocol

from bridge.model.outgoing import Delivered, Parcel


class Answer(StrEnum):
    """DONE. RETRY: nothing was done. UNKNOWN: look before trying again. REAUTHORISE. PARK: a person must look at it."""

    DONE = "done"
    RETRY = "retry"
    UNKNOWN = "unknown"
    REAUTHORISE = "reauthorise"
    PARK = "park"


class NotDelivered(Exception):  # noqa: N818  # style: an exception is named for what happened
    """The system did not do what it was asked, or did not say so.

    `problem` has no data of clients and may be logged; `detail` is what the system said, for the person who looks.
    `retry_after` is how many seconds the system itself asks us to leave it alone, None: it does not.
    """

    def __init__(self, answer: Answer, problem: str, *, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.answer = answer
        self.problem = problem
        self.detail = detail
        self.retry_after = retry_after


class Crm(Protocol):
    """What delivery asks of a remote system; every network wait in it has an end.

    A Protocol although one class fits it today: delivery may not know the ring of the adapters, and each further CRM
    is one more such class. All of them raise NotDelivered, out of the one table `crm.answers`.
    """

    async def deliver(self, parcel: Parcel) -> Delivered:
        """Do it; whoever asks has made sure that it was not done before."""

    async def find(self, parcel: Parcel) -> Delivered | None:
        """What came of it when it was asked before; None: nothing."""

    async def reauthorise(self) -> bool:
        """Get a new right to be heard; False: only a person can."""

"""How much of what strangers send may be in memory before it is whole."""


class Room:
    """Room for `most` bytes of bodies that are not whole yet, shared by everybody who is sending one."""

    __slots__ = ("_left",)

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> bool:
        """Take so many bytes; False if there are not so many left, and then none is taken."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        """These bytes are needed no more."""
        self._left += size

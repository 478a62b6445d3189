"""What all servers for tests do alike, wherever they come from."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Restartable(ABC):
    """A server that can be started again with the same data, and ends with its block."""

    @abstractmethod
    def start(self) -> None:
        """Start the server and wait until clients can connect."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the server in good order; data and port are kept."""

    @abstractmethod
    def close(self) -> None:
        """Stop everything and remove the data."""

    def restart(self) -> None:
        """Stop and start with the same data on the same port."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

"""Deadlines of connections: a client that sends too slowly is dropped."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

FIRST = 10.0
"""Seconds from the connection to the end of the first request's head."""
REQUEST = 60.0
"""Seconds for a whole request with its upload."""
GRACE = 5.0
"""Further seconds for the response to a request that is too late."""


class PunctualProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which drops connections whose requests do not arrive in time.

    By itself, uvicorn limits only the pause between two requests.
    """

    _timer: asyncio.TimerHandle | None = None
    _state: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See :class:`asyncio.Protocol`."""
        super().connection_made(transport)
        self._state = self.conn.their_state
        self._limit(FIRST)

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        super().data_received(data)
        self._follow()

    def on_response_complete(self) -> None:
        """Follow the state of the connection; see uvicorn."""
        super().on_response_complete()
        self._follow()

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        self._limit(None)
        super().connection_lost(exc)

    def _follow(self) -> None:
        """Set the deadline of the client's next message; none while it is the server's turn."""
        if self.conn.their_state is not self._state:
            self._state = self.conn.their_state
            theirs = self._state in (h11.IDLE, h11.SEND_BODY)
            self._limit(REQUEST + GRACE if theirs else None)

    def _limit(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._drop)

    def _drop(self) -> None:
        self.transport.abort()

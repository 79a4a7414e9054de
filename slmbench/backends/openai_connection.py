"""One HTTP/1.1 connection on asyncio's own transport, which notes when each part was there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import h11

from slmbench.units import clock

#: A question of no words: it puts h11 into the state in which it reads the answer to any other.
_BLANK = h11.Request(method="POST", target="/", headers=[("Host", "-"), ("Content-Length", "0")])


class Broken(Exception):
    """A request got no whole answer; ``is_stale``: not even its beginning."""

    def __init__(self, reason: str, is_stale: bool = False) -> None:
        """Take the reason in words."""
        super().__init__(reason)
        self.is_stale = is_stale


@dataclass
class Answer:
    """What came back: the parts of its body, each with when it was there."""

    status: int = 0
    kind: str = ""
    parts: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the body as text."""
        return b"".join(data for _, data in self.parts).decode("utf-8", "replace")


class Connection(asyncio.Protocol):
    """One connection, with one request under way at a time.

    Attributes:
        is_open: it can take a request.
    """

    def __init__(self) -> None:
        """Begin closed; asyncio's ``create_connection`` opens it."""
        self.is_open = False
        self._transport: asyncio.Transport | None = None
        self._wire = h11.Connection(h11.CLIENT)
        self._answer = Answer()
        self._heard_s = 0.0
        self._waiter: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport: asyncio calls this."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Note the time, then read what came: asyncio calls this."""
        now = clock()
        self._heard_s = now
        try:
            self._wire.receive_data(data)
            while True:
                event = self._wire.next_event()
                if isinstance(event, h11.Data):
                    self._answer.parts.append((now, bytes(event.data)))
                elif isinstance(event, h11.Response):
                    self._answer.status = event.status_code
                    kinds = [value for name, value in event.headers if name == b"content-type"]
                    self._answer.kind = b"".join(kinds).decode("latin-1")
                elif isinstance(event, h11.EndOfMessage):
                    self._end()
                elif not isinstance(event, h11.InformationalResponse):
                    return
        except h11.ProtocolError as error:
            self._fail(Broken(f"the server breaks HTTP's rules ({error})"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request under way: asyncio calls this."""
        self.is_open = False
        # An answer without a length ends with its connection.
        if self._waiter is not None and self._wire.their_state is h11.SEND_BODY:
            self.data_received(b"")
        stale = self._answer.status == 0
        reason = "the server closed the connection" if exc is None else str(exc)
        self._fail(Broken(f"{reason} before its answer was whole", stale))

    async def exchange(self, request: bytes, silence_s: float) -> Answer:
        """Send a request and return its answer.

        Raises:
            Broken: there is no whole answer, or the server was silent for ``silence_s``.
        """
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        self._waiter, self._answer = loop.create_future(), Answer()
        self._transport.write(request)
        self._heard_s = clock()
        watch = loop.call_later(silence_s, self._watch, silence_s)
        try:
            return await self._waiter
        finally:
            watch.cancel()
            if not self._waiter.done() or self._waiter.cancelled():
                self.close()

    def close(self) -> None:
        """End the connection."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def _watch(self, silence_s: float) -> None:
        """Fail a request whose server has been silent for too long; else look again later."""
        if self._waiter is None or self._waiter.done():
            return
        left = self._heard_s + silence_s - clock()
        if left > 0:
            asyncio.get_running_loop().call_later(left, self._watch, silence_s)
            return
        self._fail(Broken(f"the server was silent for {silence_s:g} s"))
        self.close()

    def _expect(self) -> None:
        """Make ready to read an answer, while nobody waits for a request to be sent."""
        self._wire.send(_BLANK)
        self._wire.send(h11.EndOfMessage())

    def _end(self) -> None:
        if self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE:
            self._wire.start_next_cycle()
            self._expect()
        else:
            self.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(self._answer)

    def _fail(self, broken: Broken) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(broken)

"""A trial of the real predict path: one golden bar, again and again, through an engine of the session that serves."""

from candlewick.core.errors import CandlewickError
from candlewick.release.bundle import Bundle
from candlewick.runtime.engine import Engine
from candlewick.runtime.session import Session


class Probe:
    """Steps an engine of its own over the last golden bar, from the state before it, and expects the same bits.

    Raises:
        CandlewickError: the release cannot be stepped over its golden bars.
    """

    def __init__(self, bundle: Bundle, session: Session) -> None:
        symbol, self._t, rows = bundle.golden.stretch()
        self._engine = Engine(bundle.exported, [symbol], session)
        for t, row in zip(self._t[:-1], rows[:-1], strict=True):
            self._engine.step(int(t), row)
        self._row, self._before = rows[-1], self._engine.snapshot()
        self._expected = self._stepped()

    def alarm(self) -> str:
        """Why the predict path is not to be trusted; "" where it gives what it gave at first."""
        try:
            found = self._stepped()
        except CandlewickError as error:
            return f"the watchdog's forecast broke off: {error}"
        if found != self._expected:
            return "the watchdog's forecast of a golden bar is no longer what it was: memory or processor at fault?"
        return ""

    def _stepped(self) -> bytes:
        self._engine.restore(self._before)
        self._engine.step(int(self._t[-1]), self._row)
        return self._engine.raw.tobytes()

"""Bars that are handed over in Python, as `run(..., data=frame)` does."""

from typing import Any, NoReturn

from candlewick.core.errors import DataError
from candlewick.data.sources._base import Source


class Given(Source):
    """The source of an experiment whose bars come from the program that runs it. It holds none itself."""

    def raw(self) -> NoReturn:
        """Refuses: there is nothing to open.

        Raises:
            DataError: always.
        """
        raise DataError(
            "this experiment names no data of its own. Say which: data: {name: file, path: bars.csv}; "
            "or in Python give bars to it: run(experiment, data=frame)."
        )

    def prepare(self, raw: Any) -> NoReturn:
        """Refuses, as `raw` does."""
        self.raw()

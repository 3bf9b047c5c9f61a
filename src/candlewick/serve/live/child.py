"""The child process that loads a release (`serve.live.warm`), as the server sees it."""

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from subprocess import PIPE
from threading import Timer
from typing import Any, Self

from candlewick.core.errors import StorageError
from candlewick.runtime.choose import Setting


class LateError(Exception):
    """The child took too long and was killed."""


class Child:
    """One child, from its start until it has left the states. Used in a `with`; used by one thread."""

    def __init__(self, asked: dict[str, Any], *, timeout_s: float) -> None:
        self._asked = asked
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the rest)
        command = [sys.executable, "-m", "candlewick.serve.live.warm"]  # this interpreter, our own module
        self._process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=self._errors, text=True)  # noqa: S603
        self._late = False
        self._timer = Timer(timeout_s, self._end_late)
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.__exit__(*raised)  # type: ignore[arg-type]
        self._errors.close()

    def setting(self) -> Setting:
        """How the release is run, once it is loaded, verified and warmed.

        Raises:
            StorageError: it cannot be; in the child's words.
            LateError: it took too long.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(self._asked) + "\n")
            self._process.stdin.flush()
        told = self._process.stdout.readline()
        if not told:
            raise self._failed()
        return Setting(**json.loads(told))

    def finish(self) -> None:
        """Let it take in what is left, and wait until it has left the states.

        Raises:
            StorageError, LateError: as `setting`.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if self._process.wait():
            raise self._failed()

    def stop(self) -> None:
        """Kill it; by any thread."""
        self._process.kill()

    def _end_late(self) -> None:
        self._late = True  # before it ends, so that whoever waits for that knows why
        self._process.kill()

    def _failed(self) -> Exception:
        self._process.wait()
        if self._late:
            return LateError()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()[-1:] or [f"it ended with {self._process.returncode}"]
        why = said[0].removeprefix("candlewick: ")
        return StorageError(f"release {self._asked['release'][:12]} could not be loaded: {why}")

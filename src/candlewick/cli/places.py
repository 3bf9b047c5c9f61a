"""Where the live folder and the user's own members lie: options of the commands that work on releases."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from candlewick.core.errors import CandlewickError, StorageError

MEMBERS = "CANDLEWICK_MEMBERS"
"""Folders of the user's own members, separated as in PATH."""


@Parameter(name="*")
@dataclass(frozen=True)
class LiveFolder:
    """The folder that holds releases, registry and journal."""

    folder: Annotated[Path, Parameter(help="The live folder: releases, registry and journal.")] = Path("live")

    def changed(self, request: Mapping[str, Any], alone: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Have a running server carry out `request`; without one, do it `alone`, while no server can start.

        Raises:
            CandlewickError: what the server or `alone` says.
        """
        from candlewick.core import files

        with ExitStack() as held:
            try:
                held.enter_context(files.locked(self.folder / ".lock", wait=False))
            except StorageError:
                if not (self.folder / "admin.sock").exists():
                    raise
            else:
                return alone()
        from candlewick.serve.admin import ask

        answer: dict[str, Any] = ask(self.folder, dict(request))
        if not answer.get("ok"):
            raise _RefusedError(answer)
        return answer


@Parameter(name="*")
@dataclass(frozen=True)
class OwnMembers:
    """Where the files of the user's own members are looked for."""

    members: Annotated[
        list[Path] | None,
        Parameter(
            help="Folder with your own members, which are run; may be given several times. "
            f"By default ${MEMBERS}, or the current folder."
        ),
    ] = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that were named, those of the environment, or the current one."""
        named = os.environ.get(MEMBERS, "").split(os.pathsep)
        return tuple(self.members or ()) or tuple(Path(place) for place in named if place) or (Path(),)


class _RefusedError(CandlewickError):
    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__(str(answer.get("error", "the server did not say why it refused.")))
        self.exit_code = int(answer.get("exit_code", CandlewickError.exit_code))

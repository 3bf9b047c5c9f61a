"""What is remembered of everything, copied instrument by instrument while bars go on, and found again at a start."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

from candlewick.core.clock import elapsed_ns
from candlewick.core.errors import StorageError
from candlewick.release.journal import Journal
from candlewick.runtime.choose import Setting
from candlewick.runtime.state import Arrays
from candlewick.serve.live.followed import Followed
from candlewick.serve.live.resident import Begun, Resident
from candlewick.serve.live.side import Live
from candlewick.serve.live.states import read, under, write

FOLDER, KEPT = "snapshots", 2
_FLOATS = ("held", "position", "equity")


class Taking:
    """A snapshot under way. Every instrument is copied whole, at its own moment."""

    def __init__(self, live: Live) -> None:
        self._live, self._generation = live, live.generation
        self._position = self._contained = live.journal.seq
        self._left = list(live.followed)
        self._followed: list[dict[str, Any]] = []
        self._arrays: Arrays = {}
        self._residents = _up_to_date(live)

    def go_on(self, most_ns: int) -> None:
        """Copy more instruments, for about so long, and one at least. The standby has to be caught up."""
        end = elapsed_ns() + most_ns
        while self._left:
            self._copy(self._live.followed[self._left.pop()])
            if elapsed_ns() > end:
                break

    @property
    def copied(self) -> bool:
        """Whether all instruments are."""
        return not self._left

    @property
    def done(self) -> bool:
        """Whether all are copied, and what they contain is on disk."""
        return not self._left and self._live.journal.durable >= self._contained

    @property
    def spoilt(self) -> bool:
        """Whether other releases are up to date by now, so that this one must be begun anew."""
        return self._generation != self._live.generation or self._residents != _up_to_date(self._live)

    def finished(self) -> "Snapshot":
        """What is to be written, by any thread."""
        live = self._live
        about = {
            "format": 1, "position": self._position, "mark": live.journal.mark(self._position).hex(),
            "generation": self._generation, "since": live.since,
            "columns": [[number, *names] for number, names in live.names.items()],
            "followed": self._followed,
            "residents": [{"release": one.id, "setting": asdict(one.setting)} for one in self._residents],
        }  # fmt: skip
        return Snapshot(about, self._arrays)

    def _copy(self, followed: Followed) -> None:
        self._contained = self._live.journal.seq
        number = len(self._followed)
        plain = {name: value for name, value in vars(followed).items() if name != "account"}
        plain |= {name: None if isnan(plain[name]) else plain[name] for name in _FLOATS}
        plain |= {"seq": self._contained, "begun": {}}
        self._arrays[f"account/{number}"] = followed.account.copy()
        for resident in self._residents:
            engine = resident.engines.get(followed.symbol)
            if engine is not None and followed.symbol not in resident.failed:
                plain["begun"][resident.id] = list(vars_of(resident.begun[followed.symbol]))
                arrays = engine.snapshot().items()
                self._arrays |= {f"{resident.id}/{number}/{name}": array for name, array in arrays}
        self._followed.append(plain)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot as plain data and arrays.

    Attributes:
        about: position in the journal and its mark, instruments, columns, releases and how they were run.
        arrays: accounts and engines.
    """

    about: dict[str, Any]
    arrays: Arrays

    @property
    def position(self) -> int:
        """Seq of the last record that all of it contains."""
        return int(self.about["position"])

    def write(self, folder: Path) -> None:
        """Write it into the live folder, and remove older ones but the last.

        Raises:
            StorageError: the disk refuses.
        """
        write(folder / FOLDER / f"{self.position:016d}.snapshot", self.about, self.arrays)
        for path in sorted((folder / FOLDER).glob("*.snapshot"))[:-KEPT]:
            path.unlink(missing_ok=True)

    def followed(self) -> Iterator[Followed]:
        """Its instruments."""
        for number, plain in enumerate(self.about["followed"]):
            own = {name: value for name, value in plain.items() if name != "begun"}
            own |= {name: nan if own[name] is None else own[name] for name in _FLOATS}
            own["values"] = tuple(own["values"])
            yield Followed(**own, account=self.arrays[f"account/{number}"])

    def settings(self) -> dict[str, Setting]:
        """How each release was run."""
        return {one["release"]: Setting(**one["setting"]) for one in self.about["residents"]}

    def put_into(self, resident: Resident) -> None:
        """Begin the engines of a release where they were.

        Raises:
            DataError: they do not fit.
        """
        for number, plain in enumerate(self.about["followed"]):
            if resident.id in plain["begun"]:
                begun = Begun(*plain["begun"][resident.id])
                resident.begin(plain["symbol"], begun, under(self.arrays, f"{resident.id}/{number}/"))


def newest(folder: Path, journal: Journal) -> Snapshot | None:
    """The newest snapshot that belongs to this journal; None where there is none, or none whole.

    Raises:
        StorageError: a whole one knows of records that the journal has lost.
    """
    for path in sorted((folder / FOLDER).glob("*.snapshot"), reverse=True):
        try:
            found = Snapshot(*read(path))
        except StorageError:
            continue
        if found.about.get("format") != 1:
            continue
        if found.position > journal.seq:
            raise StorageError(
                f"the journal ends with record {journal.seq}, and {path} knows of {found.position}: records that were "
                "on disk are missing. Put back the journal from a copy, or remove the folder of snapshots to go on "
                "without them."
            )
        if found.position < 0 or journal.mark(found.position).hex() == found.about["mark"]:
            return found
    return None


def _up_to_date(live: Live) -> list[Resident]:
    # The standby waits while a release is loaded: after a crash meanwhile a rollback has to load it again.
    found = (live.champion, None if live.warming else live.standby)
    return [one for one in found if one is not None]


def vars_of(begun: Begun) -> tuple[int, int, int]:
    """A beginning as plain numbers."""
    return begun.first, begun.before, begun.known

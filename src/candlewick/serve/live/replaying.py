"""The journal told again: every forecast made anew from its anchor, bit for bit what was recorded or not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from candlewick.core.errors import CandlewickError
from candlewick.core.progress import Progress, Silent
from candlewick.release.bundle import open_bundle
from candlewick.release.journal import Journal
from candlewick.release.publish import releases_folder
from candlewick.release.records import Anchored, Columns, Late, Revised, Taken
from candlewick.runtime.choose import Setting
from candlewick.serve.live import history
from candlewick.serve.live.resident import Begun, Resident

_TOLD_EVERY = 1_000


@dataclass
class Retold:
    """What came out.

    Attributes:
        forecasts: that were made again.
        differing: seqs of those whose raw outputs have other bits.
        skipped: forecasts that could not be made again, with the reason and how many.
    """

    forecasts: int = 0
    differing: list[int] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)


def retell(
    folder: Path, *, since: int = 0, until: int | None = None, members: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Retold:  # fmt: skip
    """Make the forecasts of the records from `since` to before `until` again, each from the anchor it stands on.

    Releases are run as the anchors say they were. Works beside a server that runs.

    Raises:
        StorageError: the journal is damaged.
    """
    journal = history.open_journal(folder, writes=False)
    telling = _Telling(journal, folder, members)
    progress = progress or Silent()
    end = journal.seq + 1 if until is None else min(until, journal.seq + 1)
    progress.stage(f"telling {end:,} records again", end)
    for seq, record in journal.read(0, end):
        telling.apply(seq, record, judged=seq >= since)
        if (seq + 1) % _TOLD_EVERY == 0:
            progress.advance(_TOLD_EVERY)
    return telling.found


class _Telling:
    def __init__(self, journal: Journal, folder: Path, members: Sequence[Path]) -> None:
        self.found = Retold()
        self._journal, self._folder, self._members = journal, folder, members
        self._names: dict[int, tuple[str, ...]] = {}
        self._bars: dict[str, list[tuple[int, Taken | Late | Revised]]] = {}
        self._residents: dict[tuple[str, Setting], Resident] = {}
        self._current: dict[tuple[str, str], Resident] = {}
        self._refused: dict[str, str] = {}

    def apply(self, seq: int, record: object, *, judged: bool) -> None:
        if isinstance(record, Columns):
            self._names[record.number] = record.names
        elif isinstance(record, Anchored):
            self._anchor(record)
        elif isinstance(record, Late | Revised):
            self._bars.setdefault(record.symbol, []).append((seq, record))
        elif isinstance(record, Taken):
            self._bars.setdefault(record.symbol, []).append((seq, record))
            self._take(seq, record, judged=judged)

    def _anchor(self, record: Anchored) -> None:
        resident = self._resident(record.release, record.setting)
        if resident is None:
            return
        own = self._bars.get(record.symbol, [])
        before = history.merge(bar for seq, bar in own if seq <= record.known)[-record.before :]
        since = [bar for seq, bar in own if seq > record.known and isinstance(bar, Taken)]
        begun = Begun(record.first, record.before, record.known)
        bars = [*(before if record.before else ()), *history.merge(since)]
        try:
            resident.warm(record.symbol, begun, bars, self._names)
        except CandlewickError as error:
            self._refused[record.release] = str(error)
        self._current[record.release, record.symbol] = resident

    def _take(self, seq: int, record: Taken, *, judged: bool) -> None:
        values = dict(zip(self._names[record.columns], record.values, strict=True))
        for (release, symbol), resident in self._current.items():
            if symbol == record.symbol:
                resident.owe(symbol, record.t, values)
                resident.catch_up()
                if release == record.told.release and judged and record.told.raw:
                    self._judge(seq, record, resident)
        if judged and record.told.raw and (record.told.release, record.symbol) not in self._current:
            why = self._refused.get(record.told.release, "no anchor of it is recorded")
            self.found.skipped[why] = self.found.skipped.get(why, 0) + 1

    def _judge(self, seq: int, record: Taken, resident: Resident) -> None:
        self.found.forecasts += 1
        if record.symbol in resident.failed or resident.newest_raw(record.symbol) != record.told.raw:
            self.found.differing.append(seq)

    def _resident(self, release: str, setting: Setting) -> Resident | None:
        key = release, setting
        if key not in self._residents:
            try:
                bundle = open_bundle(releases_folder(self._folder) / release, members=self._members)
                self._residents[key] = Resident(bundle, setting)
            except CandlewickError as error:
                self._refused[release] = str(error)
                return None
        return self._residents[key]


def differing(found: Retold) -> Iterator[str]:
    """What is not as it was recorded, in words."""
    if found.differing:
        yield (
            f"{len(found.differing):,} of {found.forecasts:,} forecasts differ from what was recorded, the first in "
            f"record {found.differing[0]:,}."
        )
    for why, count in found.skipped.items():
        yield f"{count:,} forecasts could not be made again: {why}"

"""Live folders that somebody has changed: each is refused, or forecasts what the unchanged one does, to the bit."""

import shutil
from pathlib import Path

from live_folders import live_folder, messages, offered, opened

from candlewick.core.errors import StorageError
from candlewick.core.random import stream
from candlewick.serve.live.snapshot import Taking
from candlewick.testing.journal_mutations import CHANGES

TAKEN, AFTER = 150, 30
CUTS = ("bits", "cut", "zeros", "removed", "exchanged", "of another folder")


def worked(folder: Path, market: int, model: str = "linear") -> list[tuple]:
    """A live folder that has taken bars, with two snapshots; gives what is told of these bars and of later ones."""
    _, panel = live_folder(folder, model)
    bars = messages(panel)[market : market + TAKEN + AFTER]
    live, clock = opened(folder)
    told = offered(live, clock, bars[:60])
    written(live, folder)
    told += offered(live, clock, bars[60:TAKEN])
    live.journal.close()
    later, clock = opened(folder)
    written(later, folder)
    later.journal.close()
    after = folder.with_name(folder.name + "-after")
    shutil.copytree(folder, after)
    live, clock = opened(after)
    told += offered(live, clock, bars[TAKEN:])
    live.journal.close()
    shutil.rmtree(after)
    return list(zip(bars, map(said, told), strict=True))


def written(live, folder: Path) -> None:
    """A snapshot of all there is."""
    live.journal.commit()
    taking = Taking(live)
    taking.go_on(10**9)
    taking.finished().write(folder)


def said(answer) -> tuple:
    """What an answer tells whoever trades by it."""
    return (
        answer.status, answer.reason, answer.value, answer.quantiles, answer.known_at, answer.target, answer.position,
        answer.equity, answer.release,
    )  # fmt: skip


def trial(whole: Path, other: Path, place: Path, expected: list[tuple], seed: int) -> tuple[str, str]:
    """What was done to a copy of a live folder, and what became of it.

    Raises:
        AssertionError: a forecast is another one, or something else than a refusal ended it.
    """
    random = stream(seed, "folder changes")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place)
    done = "; ".join(changed(place, other, random) for _ in range(int(random.integers(1, 4))))
    try:
        return done, outcome(place, expected)
    except Exception as error:
        raise AssertionError(f"seed {seed}: {done}: {type(error).__name__}: {error}") from error


def changed(folder: Path, other: Path, random) -> str:
    """One random change of the journal or of the snapshots."""
    if random.random() < 0.6:
        change = CHANGES[int(random.integers(len(CHANGES)))]
        return f"journal: {change(folder / 'journal', other / 'journal', random)}"
    snapshots = sorted((folder / "snapshots").glob("*.snapshot"))
    if not snapshots:
        return "no snapshots left"
    path, way = snapshots[int(random.integers(len(snapshots)))], CUTS[int(random.integers(len(CUTS)))]
    data = bytearray(path.read_bytes())
    begin = int(random.integers(len(data) + 1))
    if way == "bits" and data:
        data[begin % len(data)] ^= 1 << int(random.integers(8))
    elif way == "cut":
        del data[begin:]
    elif way == "zeros":
        data[begin : begin + 512] = bytes(len(data[begin : begin + 512]))
    elif way == "exchanged":
        data[:], _ = snapshots[0].read_bytes(), path.write_bytes(snapshots[-1].read_bytes())
        path = snapshots[-1]
    elif way == "of another folder":
        data[:] = sorted((other / "snapshots").glob("*.snapshot"))[-1].read_bytes()
    path.write_bytes(data)
    if way == "removed":
        path.unlink()
    return f"{path.name}: {way}"


def outcome(folder: Path, expected: list[tuple]) -> str:
    """What becomes of a changed folder whose feed sends all bars once more and then new ones."""
    live = None
    try:
        live, clock = opened(folder)
        before = live.followed["A"].bars if "A" in live.followed else 0
        answers = offered(live, clock, [bar for bar, _ in expected])
    except StorageError as error:
        return "refused at once" if live is None and str(error) else "refused when used"
    finally:
        if live is not None:
            live.journal._disk.close(live.journal._handle)
            live.journal._handle = -1
    for (bar, own), answer in zip(expected, answers, strict=True):
        assert answer.outcome in ("accepted", "duplicate"), f"the bar at {bar.t} was {answer.outcome}"
        assert said(answer) == own, f"of the bar at {bar.t} it says {said(answer)}, and had said {own}"
    assert live.followed["A"].bars == len(expected), "each bar counts once"
    return "whole" if before == TAKEN else "shorter, and what was lost came again the same"

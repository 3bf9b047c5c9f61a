"""Whether a release is still what it was: its hashes, its soundness, its golden vectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from candlewick.core.errors import CandlewickError
from candlewick.release.bundle import open_bundle, verify_files
from candlewick.runtime.choose import candidates, open_session


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what, whether all is well, and a sentence."""

    what: str
    fine: bool
    said: str


def verify(folder: str | Path, *, members: Sequence[Path] = ()) -> Iterator[Finding]:
    """Look at the files, the model, and the golden vectors in every kernel and precision that may serve here.

    What is wrong is a finding and no error; it ends with the first one that the rest depends on.
    """
    try:
        card = verify_files(folder)
    except CandlewickError as error:
        yield Finding("files", False, str(error))
        return
    yield Finding("files", True, f"{len(card.files) + 1} files have the sha256 that they had")
    try:
        bundle = open_bundle(folder, members=members)
    except CandlewickError as error:
        yield Finding("model", False, str(error))
        return
    yield Finding("model", True, f"{card.model} is sound, content {card.content_id}")
    golden = bundle.golden
    for setting in candidates(bundle.exported):
        if setting.threads > 1:
            continue
        try:
            difference = golden.check(open_session(bundle.exported, setting))
        except CandlewickError as error:
            yield Finding("golden", False, f"{setting}: {error}")
        else:
            same = "equal bit for bit" if difference == 0 else f"equal to {difference:.1e} of the head's raw units"
            yield Finding("golden", True, f"{setting}: {len(golden.t)} forecasts {same}")

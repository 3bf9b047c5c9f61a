"""Live folders under hands that change them: refused, or the forecasts of the unchanged one, bit for bit."""

from collections import Counter

import pytest
from changed_folders import trial, worked

from candlewick.release.journal import Journal
from candlewick.serve.live import states

MUTATIONS = 60


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setitem(Journal.__init__.__kwdefaults__, "segment_bytes", 6_000)
    expected = worked(tmp_path / "whole", 0)
    worked(tmp_path / "other", 100)
    assert len(list((tmp_path / "whole" / "journal").glob("*.segment"))) > 3, "the test is about several segments"
    assert len(list((tmp_path / "whole" / "snapshots").iterdir())) == 2

    def trial_of(seed):
        return trial(tmp_path / "whole", tmp_path / "other", tmp_path / "changed", expected, seed)

    return trial_of


def test_a_changed_folder_is_refused_or_forecasts_the_same(folders):
    outcomes = Counter(folders(seed)[1] for seed in range(MUTATIONS))
    assert outcomes["refused at once"] > MUTATIONS / 10
    assert outcomes["whole"] > MUTATIONS / 10
    assert set(outcomes) <= {
        "refused at once", "refused when used", "whole", "shorter, and what was lost came again the same",
    }  # fmt: skip


class Same(bytes):
    """Bytes that differ from none."""

    def __ne__(self, other):
        return False

    def __eq__(self, other):
        return True

    def hex(self):
        return self

    __hash__ = bytes.__hash__


def no_digest(monkeypatch):
    class Blake:
        def __init__(self, *_, **__):
            pass

        def digest(self):
            return Same(32)

    monkeypatch.setattr(states, "blake2b", Blake)


def no_mark(monkeypatch):
    monkeypatch.setattr(Journal, "mark", lambda journal, seq: Same())


@pytest.mark.parametrize(("left_out", "seeds"), [(no_digest, range(170, 190)), (no_mark, range(20))])
def test_the_trials_notice_a_check_of_snapshots_that_is_left_out(folders, monkeypatch, left_out, seeds):
    left_out(monkeypatch)

    def all_trials():
        for seed in seeds:
            folders(seed)

    with pytest.raises(AssertionError, match=r"^seed"):
        all_trials()

"""How fast one client may be, and that nothing it does is kept without bound."""

import pytest

from candlewick.serve.web import limits
from candlewick.serve.web.limits import Rate, length_of
from candlewick.serve.web.refusals import RefusalError


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_client_has_two_seconds_worth_and_then_its_rate():
    time = Time()
    rate = Rate(10, clock=time)
    for _ in range(20):
        rate.take("a")
    with pytest.raises(RefusalError) as found:
        rate.take("a")
    assert (found.value.status, found.value.code, found.value.retry_after) == (429, "rate", 1)
    rate.take("b", 20)
    time.now = 1.0
    for _ in range(10):
        rate.take("a")
    with pytest.raises(RefusalError):
        rate.take("a")


def test_more_than_a_bucket_holds_is_let_through_and_paid_for_later():
    time = Time()
    rate = Rate(100, clock=time)
    rate.take("a", 1_000)
    time.now = 8.0
    with pytest.raises(RefusalError) as found:
        rate.take("a", 1)
    assert found.value.retry_after >= 1
    time.now = 8.1
    rate.take("a", 1)


def test_the_time_to_come_again_is_told_truly():
    time = Time()
    rate = Rate(2, clock=time)
    rate.take("a", 4)
    with pytest.raises(RefusalError) as found:
        rate.take("a", 4)
    time.now = float(found.value.retry_after)
    rate.take("a", 4)


def test_clients_are_forgotten_after_a_while():
    rate = Rate(1, clock=Time())
    for client in range(2 * limits._MOST_CLIENTS):
        rate.take(str(client))
    assert len(rate._left) == limits._MOST_CLIENTS


@pytest.mark.parametrize("declared", [b"1048577", b"9" * 400, b"-1", b"1e3", b"", b"0x10", b"+5"])
def test_a_length_beyond_the_bound_is_refused_before_anything_is_read(declared):
    with pytest.raises(RefusalError) as found:
        length_of([declared])
    assert (found.value.status, found.value.closes) == (413, True)


def test_a_length_within_it_is_not():
    assert length_of([b"1048576"]) == 2**20
    assert length_of([]) is None

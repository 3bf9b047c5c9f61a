"""Requests that nobody means well by: made from the description, and made by chance."""

import json
from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from live_folders import Hand, live_folder, messages
from real_server import HEADERS, running
from schemathesis import GenerationMode, checks

from candlewick.serve.protocol import encode
from candlewick.testing.hostile_requests import DOCUMENTED, NEVER, Chance, statuses

# A whole number written as 1.0 is an integer to JSON schema; here a stamp with a point is refused.
STRICTER_THAN_ITS_SCHEMA = [checks.positive_data_acceptance]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    _, panel = live_folder(folder)
    bars = messages(panel)
    with running(folder, clock=Hand(bars[-1].t + 1)) as found:
        found.post(encode(bars[:50]))
        yield found


@pytest.fixture(scope="module")
def described(server):
    found = schemathesis.openapi.from_dict(server.http.get("/openapi.json").json())
    found.config.update(base_url=server.url)
    return found


QUIET = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_what_is_answered_is_what_the_description_says(described, server, mode):
    """Of requests that the description allows, and of ones that it does not."""
    tried = Counter()
    for found in described.get_all_operations():
        operation = found.ok()
        if mode == GenerationMode.NEGATIVE and not (operation.query or operation.body):
            continue  # there is nothing to get wrong

        @QUIET
        @given(operation.as_strategy(generation_mode=mode))
        def asked(case):
            reply = case.call(base_url=server.url, headers=HEADERS)
            tried[case.path] += 1
            assert reply.status_code not in NEVER
            case.validate_response(reply, excluded_checks=STRICTER_THAN_ITS_SCHEMA, headers=HEADERS)

        asked()
    assert len(tried) >= (9 if mode == GenerationMode.POSITIVE else 4)
    assert sum(tried.values()) > 50


def test_nothing_by_chance_brings_it_down(server):
    chance, found = Chance(1, HEADERS), Counter()
    for _ in range(600):
        found.update(statuses(server.port, chance.request()))
    assert set(found) <= DOCUMENTED, found
    assert set(found) & NEVER == set()
    assert found[200] > 10
    assert found[422] > 10
    assert found[503] == found[429] == 0, "it is ready, and not overloaded"
    assert server.http.get("/readyz").json() == {"ready": True, "reasons": []}


def test_no_message_by_chance_ends_a_stream(server):
    chance, found = Chance(2, HEADERS), Counter()
    with server.socket("/v1/stream") as stream:
        for _ in range(400):
            stream.send(chance.message())
            while '"durable"' in (text := stream.recv(20))[:20]:
                pass
            found[json.loads(text).get("code", "")] += 1
    assert set(found) <= {"", "not_json", "invalid", "duplicate_key"}
    assert len(found) == 4, found

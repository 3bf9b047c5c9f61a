"""Which release made a forecast."""

from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from candlewick.cli.places import LiveFolder
from candlewick.cli.show import Show


def why(
    symbol: Annotated[str, Parameter(help="The instrument.")],
    time: Annotated[
        str, Parameter(help="When: ISO 8601, UTC where no zone is named; 14:03:07 for the last one; or ns.")
    ],
    /,
    *,
    live: LiveFolder = LiveFolder(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Tell which release made the forecast that was in force at a moment, from which data, with which seed."""
    from candlewick.core.clock import now_ns
    from candlewick.serve.live import provenance
    from candlewick.serve.stamps import moment

    told = provenance.why(live.folder, symbol, moment(time, now=now_ns()))
    if not show.data(told):
        for line in _lines(told):
            print(line)


def _lines(told: dict[str, Any]) -> Iterator[str]:
    from candlewick.core.clock import iso
    from candlewick.release.bundle import SHORT

    forecast, card, anchor = told["forecast"], told["release"], told["anchor"]
    lineage = card["lineage"]
    status = forecast["status"] + (f": {forecast['reason']}" if forecast["reason"] else "")
    yield f"forecast  {_belief(forecast)}, {status}"
    yield f"bar       {forecast['symbol']}, closed {iso(forecast['t'])}, from {forecast['source'] or 'a client'}"
    yield f"          {', '.join(f'{name} {value:g}' for name, value in forecast['values'].items())}"
    yield f"answered  {iso(forecast['received'])}, record {forecast['seq']} of the journal"
    yield f"release   {forecast['release']}"
    yield f"          {card['title']}: {card['model']}, generation {forecast['generation']}"
    for name in ("run", "data", "fold", "seed"):
        if name in lineage:
            yield f"{name:<9} {lineage[name]}"
    yield f"verdict   {card['forced'] and 'forced: '}{card['forced'] or ' '.join(card['verdict']['sentences'])}"
    if anchor is not None:
        began = (
            "with the next bar" if anchor["first"] < 0 else f"{anchor['before']} bars before, {iso(anchor['first'])}"
        )
        yield f"state     begun at {iso(anchor['at'])}, {began}; run as {_setting(anchor['setting'])}"
    yield f"made by   {', '.join(f'{name} {version}' for name, version in card['made_by'].items())}"
    for later in told["since"]:
        yield f"since     {later['kind']} of this bar came at {iso(later['received'])}; the forecast stayed as it was"
    yield f"replay    candlewick replay {forecast['release'][:SHORT]} BARS gives it again"


def _belief(forecast: dict[str, Any]) -> str:
    if forecast["probabilities"]:
        return "probabilities " + ", ".join(f"{one:.3f}" for one in forecast["probabilities"])
    return "none" if forecast["value"] is None else f"{forecast['value']:.8g}"


def _setting(setting: dict[str, Any]) -> str:
    threads = setting["threads"]
    return f"{setting['kernel']} {setting['precision']}, {threads} thread{'s' * (threads > 1)}"

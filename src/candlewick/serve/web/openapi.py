"""The description of what can be asked, made from the very types by which messages are read and written.

It is OpenAPI 3.1; the page of swagger-ui-bundle is given the same as 3.0, which it shows.
"""

from importlib.metadata import version
from inspect import cleandoc
from typing import Any

import msgspec

from candlewick.serve.protocol import Answer, Answers, Bar, Problem
from candlewick.serve.web.refusals import described

_REF = "#/components/schemas/{name}"
ABOUT = """Bars in, forecasts out. Times are int64 nanoseconds since 1970 UTC; a bar's time is its close.

Send the token as `Authorization: Bearer TOKEN`. Whatever is not answered may be asked again: a bar is idempotent by its
instrument and close. Two WebSockets stand beside these: `/v1/stream` takes bars as text and sends `{"type": "answers"}`
at once and `{"type": "durable", "seq": N}` when everything up to N is on disk; `/v1/watch` sends what happens.
"""


def schema_30(schema: Any) -> Any:
    """A schema as OpenAPI 3.0 writes it: `nullable`, and arrays without `prefixItems`.

    >>> schema_30({"anyOf": [{"type": "integer"}, {"type": "null"}]})
    {'type': 'integer', 'nullable': True}
    """
    if isinstance(schema, list):
        return [schema_30(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: schema_30(value) for key, value in schema.items()}
    kinds = found.get("anyOf")
    if kinds is not None and {"type": "null"} in kinds:
        left = [kind for kind in kinds if kind != {"type": "null"}]
        del found["anyOf"]
        found = {**(left[0] if len(left) == 1 else {"anyOf": left}), **found, "nullable": True}
    if "prefixItems" in found:
        first = found.pop("prefixItems")
        found |= {"items": first[0], "minItems": len(first), "maxItems": len(first)}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    return found


def components() -> dict[str, Any]:
    """Schemas of the messages."""
    (_, found) = msgspec.json.schema_components([Bar, Answer, Answers, Problem], ref_template=_REF)
    told: dict[str, Any] = found
    for schema in told.values():
        schema["description"] = cleandoc(schema["description"])
    told["Bar"]["example"] = {
        "symbol": "BTC/USDT", "t": 1_795_788_000_000_000_000,
        "values": {"open": 100.0, "high": 101.5, "low": 99.5, "close": 101.0, "volume": 12.5},
    }  # fmt: skip
    return told


def json_of(schema: dict[str, Any], description: str) -> dict[str, Any]:
    """An answer that is JSON."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def object_of(*required: str, **properties: Any) -> dict[str, Any]:
    """A mapping with these keys."""
    found = {name: properties.get(name, {}) for name in (*required, *properties)}
    return {"type": "object", "required": list(required), "properties": found}


def post_bars() -> dict[str, Any]:
    """The operation that takes bars."""
    bar = {"$ref": _REF.format(name="Bar")}
    return {
        "summary": "Post one closed bar or up to 1,000 of them.",
        "operationId": "post_bars",
        "parameters": [{
            "name": "wait", "in": "query", "description": "until they are on disk; else answered at once, not durable",
            "schema": {"type": "string", "enum": ["true", "false"], "default": "true"},
        }],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": [
            bar, {"type": "array", "items": bar, "minItems": 1, "maxItems": 1000},
        ]}}}},
        "responses": {
            "200": json_of({"$ref": _REF.format(name="Answers")}, "one answer for each bar, in their order"),
            **{str(status): described(status) for status in (400, 401, 403, 413, 415, 422, 429, 503)},
        },
    }  # fmt: skip


def completed(found: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's own description with the messages, the way in, and the route that it does not see."""
    found["openapi"] = "3.1.0"
    found["info"] = {"title": "candlewick live", "version": version("candlewick"), "description": ABOUT}
    found["components"] = {
        "schemas": components(), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    }  # fmt: skip
    found["security"] = [{"token": []}]
    found["paths"].setdefault("/v1/bars", {})["post"] = post_bars()
    return found


def as_30(description: dict[str, Any]) -> dict[str, Any]:
    """The same description for what reads OpenAPI 3.0 only."""
    return {**schema_30(description), "openapi": "3.0.3"}

"""Post closed bars to a server, from an exchange, a stream or a file."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from candlewick.cli.connection import TokenOptions
from candlewick.cli.show import Show
from candlewick.core.errors import ConfigError

if TYPE_CHECKING:
    from candlewick.serve.feeds._base import Feed


def feed(
    name: Annotated[str, Parameter(help="A feed that `candlewick feeds` lists, or my_feed.py.")],
    subject: Annotated[
        str | None,
        Parameter(help="What is read: the exchange of ccxt, the stream of redis_streams, the file of replay."),
    ] = None,
    /,
    *,
    to: Annotated[str, Parameter(help="Address of the server.")] = "http://127.0.0.1:8765",
    every: Annotated[float, Parameter(help="Seconds between two lines of progress.")] = 30.0,
    token: TokenOptions = TokenOptions(),  # noqa: B008 (frozen)
    show: Show = Show(),  # noqa: B008 (frozen)
    **parameters: Annotated[list[str], Parameter(help="The feed's own, as `candlewick feeds NAME` tells them.")],
) -> None:
    """Post closed bars until there are no more, or until Ctrl-C or SIGTERM; then say what became of them."""
    from candlewick.cli.ending import Ending
    from candlewick.serve.feeds import FEEDS
    from candlewick.serve.feeds._post import Post

    wanted = FEEDS.build(entry(name, subject, parameters, FEEDS.member(name)))

    def say(text: str) -> None:
        print(f"{wanted.source}: {text}", file=sys.stderr, flush=True)

    def progress(text: str) -> None:
        if not show.quiet:
            say(text)

    post: Post  # it and its client know each other
    with Ending() as ending:
        client = token.client(
            to, patience_s=None, sleep=lambda seconds: post.wait(seconds), waiting=lambda *told: post.waiting(*told)
        )
        post = Post(
            wanted, client, say=say, progress=progress, every_s=every, ended=lambda: ending.asked, sleep=ending.sleep
        )
        with client:
            try:
                post.run()
            finally:
                tell(wanted, post.tally, ending.asked, show)


def entry(name: str, subject: str | None, parameters: Mapping[str, Sequence[str]], member: "type[Feed]") -> Any:
    """The feed's entry as a configuration would have it.

    Raises:
        ConfigError: a parameter stands twice or is no YAML.
    """
    from candlewick.core.config import parse_yaml

    found: dict[str, Any] = {"name": name}
    for key, values in parameters.items():
        field = key.replace("-", "_")
        known = member.model_fields.get(field)
        if known is not None and "tuple" in str(known.annotation):
            found[field] = [one for value in values for one in value.split(",")]
        elif len(values) > 1:
            raise ConfigError(f"--{key} stands {len(values)} times. Give it once.")
        elif known is not None and "str" in str(known.annotation):
            found[field] = values[0]
        else:
            found[field] = parse_yaml(values[0], f"--{key}")
    if subject is not None:
        if member.subject in found:
            raise ConfigError(f"{member.subject} is given as {subject!r} and with --{member.subject}. Give it once.")
        found[member.subject] = subject
    return found


def tell(feed: "Feed", tally: Any, asked: bool, show: Show) -> None:
    """What became of the bars."""
    data = {"source": feed.source, "posted": tally.posted, **tally.outcomes, "newest": tally.newest}
    if not show.data(data):
        print(f"{feed.source} {'was asked to end' if asked else 'ended'}: {tally.sentence}", flush=True)

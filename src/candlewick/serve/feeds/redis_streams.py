"""Bars from a stream of Redis, at least once: an entry is acknowledged when the server has its bar on disk."""

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from pydantic import Field

from candlewick.core.errors import ConfigError, RemoteError
from candlewick.core.failpoint import reached
from candlewick.serve.feeds._base import Answered, Feed, Trouble, World, require
from candlewick.serve.protocol import Bar

if TYPE_CHECKING:
    from redis import Redis

Entries = Sequence[tuple[bytes, dict[bytes, bytes]]]
_FIELD = b"bar"
_MOST_BYTES, _KEPT_BYTES = 65_536, 4_096
_BLOCK_MS = 1_000
_bar = msgspec.json.Decoder(Bar)


class RedisStreams(Feed):
    """Each entry has one field, `bar`, with the JSON of a bar as it would be posted.

    Read by a consumer group. At start it takes up again what it had read and not acknowledged, and takes over what
    other consumers left so for `claim_after_s`. What is no bar, and what the server refuses, goes with the reason to a
    second stream and is acknowledged, so that it blocks nothing. Run one feed for a group: two would share the stream,
    and bars would come out of order.
    """

    subject: ClassVar[str] = "stream"

    stream: str = Field("bars", min_length=1, max_length=58, pattern=r"^[!-~]+$", description="the stream's key")
    url: str = Field("redis://127.0.0.1:6379/0", description="of Redis: redis://, rediss:// or unix://")
    group: str = Field("candlewick", min_length=1, description="the consumer group; made where it is missing")
    consumer: str = Field("feed", min_length=1, description="this consumer's name; the same at every start")
    batch: int = Field(500, ge=1, le=1000, description="entries that are read and posted together at most")
    claim_after_s: float = Field(60.0, gt=0.0, description="age of what another consumer left, to be taken over")
    dead_stream: str | None = Field(None, description="the stream of what is no bar; by default NAME:dead")
    most_dead: int = Field(10_000, ge=1, description="entries that are kept there; older ones go")

    @property
    def source(self) -> str:
        """`redis:STREAM`."""
        return f"redis:{self.stream}"

    def bars(self, world: World) -> Generator[list[Bar], Answered, None]:
        """Bars of the stream, for ever."""
        require("redis", "bus", "a feed from Redis")
        from redis.exceptions import AuthenticationError, AuthorizationError, ReadOnlyError, RedisError, ResponseError

        trouble = Trouble(world, f"redis at {self._place}", most_s=30.0)
        with closing(self._connection()) as redis:
            while True:
                try:
                    yield from _Reading(self, redis, world, trouble).bars()
                except (AuthenticationError, AuthorizationError) as error:
                    raise ConfigError(f"redis at {self._place} lets nobody in so: {error}.") from error
                except RedisError as error:
                    if isinstance(error, ResponseError) and not _passing(error, ReadOnlyError):
                        raise RemoteError(
                            f"redis at {self._place} refused a command: {error}. Is {self.stream} a stream, and "
                            "is redis 6.2 or newer?"
                        ) from error
                    trouble.wait(str(error) or type(error).__name__)

    @property
    def _place(self) -> str:
        """Without the password."""
        parts = urlsplit(self.url)
        return f"{parts.hostname or ''}:{parts.port or 6379}" if parts.hostname else parts.path

    def _connection(self) -> "Redis":
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        # What is tried again is decided here: a command that is repeated unseen would take other entries.
        options: dict[str, Any] = {"socket_timeout": 10.0, "socket_connect_timeout": 5.0, "protocol": 2}
        try:
            return Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), **options)
        except ValueError as error:
            raise ConfigError(f"redis.url: {error}. Write redis://host:6379/0.") from error


def _passing(error: Exception, read_only: type[Exception]) -> bool:
    """Whether a refusal passes by itself: it is loading, has failed over, or has lost the group in a restart."""
    return isinstance(error, read_only) or str(error).startswith(("NOGROUP", "LOADING", "UNBLOCKED", "TRYAGAIN"))


class _Reading:
    """One connection's work, from the entries that were left behind to the newest."""

    def __init__(self, feed: RedisStreams, redis: "Redis", world: World, trouble: Trouble) -> None:
        self.feed, self.redis, self.world, self.trouble = feed, redis, world, trouble
        self.dead = feed.dead_stream or f"{feed.stream}:dead"

    def bars(self) -> Generator[list[Bar], Answered, None]:
        self._make_group()
        self.trouble.over()
        yield from self._own()
        claim_at = self.world.elapsed_s()
        while True:
            if self.world.elapsed_s() >= claim_at:
                yield from self._left_by_others()
                claim_at = self.world.elapsed_s() + self.feed.claim_after_s
            if entries := self._read(">", block=_BLOCK_MS):
                yield from self._settle(entries)
            else:
                yield []

    def _make_group(self) -> None:
        from redis.exceptions import ResponseError

        try:
            self.redis.xgroup_create(self.feed.stream, self.feed.group, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _read(self, after: str | bytes, block: int | None = None) -> Entries:
        feed = self.feed
        found: Any = self.redis.xreadgroup(
            feed.group, feed.consumer, {feed.stream: after}, count=feed.batch, block=block
        )
        return found[0][1] if found else ()

    def _own(self) -> Generator[list[Bar], Answered, None]:
        after: str | bytes = "0"
        while entries := self._read(after):
            yield from self._settle(entries)
            after = entries[-1][0]

    def _left_by_others(self) -> Generator[list[Bar], Answered, None]:
        feed, cursor = self.feed, b"0-0"
        while True:
            found: Any = self.redis.xautoclaim(
                feed.stream, feed.group, feed.consumer, round(feed.claim_after_s * 1e3), cursor, count=feed.batch
            )
            cursor, entries, *gone = found
            self._tell_gone(len(gone[0]) if gone else 0)
            if entries:
                yield from self._settle(entries)
            if cursor == b"0-0":
                return

    def _settle(self, entries: Entries) -> Generator[list[Bar], Answered, None]:
        """Post what is a bar; acknowledge all of it, what is none or was refused by way of the dead letters."""
        bars: list[tuple[bytes, bytes, Bar]] = []
        dead: list[tuple[bytes, bytes, str]] = []
        gone = []
        for number, fields in entries:
            text = fields.get(_FIELD, b"") if fields else b""
            bar, reason = self._understood(text)
            if not fields:
                gone.append(number)  # cut from the stream before it was acknowledged
            elif bar is None:
                dead.append((number, text, reason))
            else:
                bars.append((number, text, bar))
        self._tell_gone(len(gone))
        answers = yield [bar for _, _, bar in bars]
        reached("feed acknowledge")
        refused = {number for (number, _, _), one in zip(bars, answers, strict=True) if one.outcome == "refused"}
        reasons = {number: one.reason for (number, _, _), one in zip(bars, answers, strict=True)}
        dead += [(number, text, reasons[number]) for number, text, _ in bars if number in refused]
        self._acknowledge([*gone, *(number for number, _, _ in bars if number not in refused)], dead)

    def _understood(self, text: bytes) -> tuple[Bar | None, str]:
        if not text:
            return None, "it has no field called bar"
        if len(text) > _MOST_BYTES:
            return None, f"its bar is {len(text):,} bytes long; {_MOST_BYTES:,} are taken"
        try:
            bar = _bar.decode(text)
        except msgspec.MsgspecError as error:
            return None, str(error)
        return (bar if bar.source else msgspec.structs.replace(bar, source=self.feed.source)), ""

    def _acknowledge(self, done: list[bytes], dead: list[tuple[bytes, bytes, str]]) -> None:
        feed = self.feed
        with self.redis.pipeline(transaction=True) as together:
            for number, text, reason in dead:
                letter: dict[Any, Any] = {"id": number, "reason": reason[:1000], "bar": text[:_KEPT_BYTES]}
                together.xadd(self.dead, letter, maxlen=feed.most_dead, approximate=False)
            for number in [*done, *(number for number, _, _ in dead)]:
                together.xack(feed.stream, feed.group, number)
            together.execute()
        if dead:
            self.world.say(f"{len(dead):,} entries went to {self.dead}; the last: {dead[-1][2]}")

    def _tell_gone(self, count: int) -> None:
        if count:
            self.world.say(
                f"{count:,} entries of {self.feed.stream} were cut off before they were acknowledged: their bars are "
                "lost unless they were posted. Let the stream be longer."
            )

"""How a command reaches a server: options of the commands that speak to one."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from candlewick.serve.client import Client

_OWN_TOKEN = Path("live", "token")


@Parameter(name="*")
@dataclass(frozen=True)
class TokenOptions:
    """Where the server's token is. `$CANDLEWICK_TOKEN` goes before both."""

    token_file: Annotated[
        Path | None,
        Parameter(
            help="File with the server's token; by default $CANDLEWICK_TOKEN_FILE, or live/token of a server here."
        ),
    ] = None

    def client(self, url: str, **options: Any) -> "Client":
        """A client of the server at `url`.

        Raises:
            ConfigError, StorageError: as of `Client`.
        """
        import os

        from candlewick.serve.client import TOKEN_FILE, Client, is_local

        file = self.token_file
        # Never to another machine: a token is not shown to whom it was not named for.
        if file is None and TOKEN_FILE not in os.environ and is_local(url) and _OWN_TOKEN.is_file():
            file = _OWN_TOKEN
        return Client(url, token_file=file, **options)

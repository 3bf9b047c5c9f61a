"""The experiments that ship with the package, and one in full."""

from typing import Annotated

from cyclopts import Parameter

from candlewick.cli.show import Show, table
from candlewick.core import config


def experiments(
    name: Annotated[str | None, Parameter(help="Print this one's YAML: copy it to start your own.")] = None,
    /,
    *,
    show: Show = Show(),  # noqa: B008 (frozen)
) -> None:
    """Experiments that ship with the package; `candlewick run NAME` runs one."""
    if name is None:
        titles = {key: str(config.load(key).get("title", "")) for key in config.experiment_names()}
        if not show.data([{"name": key, "title": title} for key, title in titles.items()]):
            table(("experiment", ""), titles.items())
    else:
        data = config.load(name)
        if not show.data(data):
            path = config.CONFIGS / f"{name}.yaml"
            print(path.read_text(encoding="utf-8") if path.is_file() else data, end="")

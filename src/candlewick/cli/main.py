"""The `candlewick` command. Commands live a file each and are imported when they are called."""

import os
import re
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError, Group, Parameter

from candlewick.core.errors import CandlewickError, ConfigError, MissingDependencyError
from candlewick.core.registry import USER_MODULE

EXIT_CODES = """
Exit codes: 0 done (for check, audit, check-member, plan, replay and verify: nothing found); 1 something was found,
or the gate keeps the champion;
2 a command, experiment or override that cannot be meant; 3 data; 4 a leak; 5 training; 6 storage;
7 an optional library is missing; 8 a server, exchange or broker that does not answer; 70 a defect of candlewick;
130 interrupted.
"""

app = App(
    name="candlewick",
    help="Deep learning on market bars: from bars to a verdict that is net of luck, leaks and costs.",
    help_epilogue=EXIT_CODES.strip().replace("\n", " "),
    version=lambda: version("candlewick"),
    default_parameter=Parameter(negative=""),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

_COMMANDS = {
    "Work": {
        "plan": "Say what an experiment will cost and whether it fits, before it is trained.",
        "run": "Run an experiment: fit, forecast, back-test, judge, report.",
        "compare": "Two runs or several models on the same folds, seeds and costs: is the difference real?",
        "predict": "Forecast new bars with the models of a run.",
        "export": "Make a run's model ready to serve without torch, judged and with a reference.",
        "replay": "Run an exported model or a release over history as it runs live: same bits, and how fast?",
    },
    "Live": {
        "release": "Make an immutable release of the model that a run's verdict names.",
        "releases": "Releases of a live folder: which of them serve, and what their verdicts say.",
        "show": "What a release is, reads, trades and comes from.",
        "diff": "What two releases say differently.",
        "verify": "Whether a release is still what it was.",
        "import": "Let in a release from elsewhere, tried in a limited process.",
        "promote": "Point an alias at a release, where the gate lets it through.",
        "rollback": "Go back to the champion before this one.",
        "serve": "Answer bars with the champion's forecasts, over HTTP, WebSocket, files and standard input.",
        "feed": "Post closed bars to a server: from an exchange, a stream of Redis, or a file.",
        "forecasts": "Forecasts that a server has made.",
        "why": "Which release made a forecast, from which data and seed?",
    },
    "Checks": {
        "check": "Say what is in a file of bars and what is wrong with it.",
        "audit": "Look for leaks of the future into an experiment.",
        "check-member": "Run a family's contracts on a member: a file of your own, or a packaged name.",
        "claims": "Measure the published figures that this project set out from on this machine.",
    },
    "What there is": {
        "experiments": "Experiments that ship with the package.",
        "runs": "Runs in a folder, with their verdicts.",
        "features": "Features: closed bars to numbers.",
        "labels": "Labels: what is asked of the future.",
        "models": "Models: samples to forecasts.",
        "scalers": "Scalers, fitted on training rows only.",
        "splits": "Splits of time into training, validation and test rows.",
        "losses": "Losses that networks are trained on.",
        "metrics": "Metrics of forecasts and of trading.",
        "policies": "Policies: forecasts to positions.",
        "sources": "Sources of bars.",
        "feeds": "Feeds: where live bars come from.",
        "markets": "Synthetic markets whose truth is known.",
    },
}
_LISTS = {
    "features",
    "labels",
    "models",
    "scalers",
    "splits",
    "losses",
    "metrics",
    "policies",
    "sources",
    "feeds",
    "markets",
}

_PLACES = {"show": "show_release:show", "import": "import_release:import_release"}
"""Commands whose name is taken by another module, or is none in Python."""

_BROUGHT_BY = {
    **dict.fromkeys(("torch", "onnx", "onnxscript"), "train"),
    **dict.fromkeys(("pandas", "pyarrow"), "io"),
    **dict.fromkeys(("msgspec", "fastapi", "uvicorn", "httpx", "websockets", "prometheus_client"), "serve"),
    "ccxt": "feeds",
    "redis": "bus",
}

app["--help"].group = app["--version"].group = Group("Options", sort_key=len(_COMMANDS))
for _order, (_title, _commands) in enumerate(_COMMANDS.items()):
    _group = Group(_title, sort_key=_order)
    for _place, (_name, _help) in enumerate(_commands.items()):
        _module = "families" if _name in _LISTS else _name.replace("-", "_")
        _where = _PLACES.get(_name, f"{_module}:{_name.replace('-', '_')}")
        app.command(f"candlewick.cli.{_where}", name=_name, help=_help, group=_group, sort_key=_place)


def main() -> None:
    """Entry point of the `candlewick` command."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code."""
    try:
        code = app(arguments, exit_on_error=False)
        sys.stdout.flush()
        return int(code or 0)
    except CycloptsError:
        return 2  # cyclopts has said what is wrong
    except CandlewickError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader has gone, as in `candlewick features | head -1`; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "candlewick":
            return _defect()
        return _fail(
            f"this part needs the library {error.name}, which is not installed. "
            f"Install candlewick with its extras: pip install 'candlewick[{_extras(error.name)}]'.",
            MissingDependencyError.exit_code,
        )
    except Exception as error:
        place = _in_a_users_file(error)
        return _defect() if place is None else _fail(place, ConfigError.exit_code)


def _extras(library: str | None) -> str:
    """The extra that brings a library, else all that a command may need."""
    return _BROUGHT_BY.get((library or "").partition(".")[0], "train,io,serve")


def _in_a_users_file(error: Exception) -> str | None:
    """Where a member of the user's own raised `error`, in this process or a worker; None where none did."""
    own = {module.__file__ for name, module in list(sys.modules.items()) if name.startswith(USER_MODULE)}
    # As text, because of a worker's error only the text of its traceback comes back.
    lines = re.findall(r'File "(.+)", line (\d+), in (\S+)', "".join(traceback.format_exception(error)))
    places = [place for place in lines if place[0] in own]
    if not places:
        return None
    path, line, function = places[-1]
    return (
        f"a member of your own raised an error: {path}, line {line}, in {function}: {type(error).__name__}: {error}. "
        f"Mend it; `candlewick check-member {path}` tries it on its own."
    )


def _fail(text: str, code: int) -> int:
    print(f"candlewick: {text}", file=sys.stderr)
    return code


def _defect() -> int:
    traceback.print_exc()
    return _fail("this is a defect of candlewick, not of your input. Please report it with the lines above.", 70)

"""The house rules that a machine can hold: floors, siblings, sizes, names, and what an import may cost."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "candlewick"
SOURCES = sorted(PACKAGE.rglob("*.py"))

ROOT_FOLDER = {
    ".ci", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
    "benchmarks", "constraints.txt", "docs", "pyproject.toml", "src", "tests",
}  # fmt: skip
FORBIDDEN_NAMES = re.compile(r"util|helper|common|misc|manager|handler|^base$|^stuff$", re.IGNORECASE)
TORCH_ROOMS = ("train/", "models/blocks/")  # where a module may import it as it starts
HEAVY = {"torch", "polars", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels", "arch", "plotly", "joblib"}
SERVING_PATH = (
    "core/", "data/bars.py", "features/", "labels/", "samples/", "models/", "runtime/", "release/", "serve/",
)  # fmt: skip


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(nodes: Iterator[ast.AST]) -> Iterator[tuple[str, int]]:
    """Names of the modules that these nodes import, with their lines."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here, so that a search finds them"
            yield node.module or "", node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def module_level(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs when the module is imported; not what is for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from module_level(child)


def imported_at_start(path: Path) -> set[str]:
    return {name.partition(".")[0] for name, _ in imports(module_level(tree(path)))}


def importers(of: str) -> list[str]:
    return [
        f"{room(path)}:{line}"
        for path in SOURCES
        for name, line in imports(ast.walk(tree(path)))
        if name.partition(".")[0] == of
    ]


def calls(name: str) -> list[str]:
    """Rooms in which the attribute or function `name` is used."""
    return [
        room(path)
        for path in SOURCES
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and node.attr == name) or (isinstance(node, ast.Name) and node.id == name)
    ]


def families() -> Iterator[Path]:
    """Folders whose `__init__` declares a Family."""
    for path in SOURCES:
        if path.name == "__init__.py" and re.search(r"= Family\(", path.read_text(encoding="utf-8")):
            yield path.parent


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100
    ).stdout.strip()


# Floors


def test_imports_go_down_the_floors() -> None:
    import tomllib

    from importlinter.api import read_configuration  # type: ignore[import-untyped]

    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    floors = {
        name.strip().removeprefix("candlewick.")
        for line in config["contracts"][0]["layers"]
        for name in line.split("|")
    }
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert floors == rooms, "every room stands on a floor in pyproject.toml"
    assert read_configuration(str(ROOT / "pyproject.toml"))
    # In a process of its own: it configures logging, and would silence every logger that other tests listen to.
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--config", ROOT / "pyproject.toml", "--no-cache"], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", list(families()), ids=lambda path: room(path))
def test_members_of_a_family_do_not_import_one_another(folder: Path) -> None:
    package = ".".join(("candlewick", *folder.relative_to(PACKAGE).parts))
    members = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    guilty = [
        f"{member} imports {name}"
        for member in sorted(members)
        for name, _ in imports(ast.walk(tree(folder / f"{member}.py")))
        if name.startswith(f"{package}.") and name.removeprefix(f"{package}.").partition(".")[0] in members - {member}
    ]
    assert guilty == []


def test_every_member_says_in_one_line_what_it_is() -> None:
    for folder in families():
        for path in folder.glob("*.py"):
            if not path.stem.startswith("_"):
                summary = (ast.get_docstring(tree(path)) or "").partition("\n")[0]
                assert 10 <= len(summary) <= 120, path
                assert summary.endswith("."), path


# What may be imported where


def test_torch_is_imported_only_where_it_is_needed() -> None:
    assert [place for place in importers("torch") if place.startswith(TORCH_ROOMS)], "the rule is about something"
    inside_functions = ("models/", "testing/")
    assert [place for place in importers("torch") if not place.startswith((*TORCH_ROOMS, *inside_functions))] == []
    at_start = [room(path) for path in SOURCES if "torch" in imported_at_start(path)]
    assert [place for place in at_start if not place.startswith(TORCH_ROOMS)] == []


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if room(p).startswith(SERVING_PATH) and "blocks" not in p.parts], ids=room
)
def test_the_serving_path_starts_without_heavy_libraries(path: Path) -> None:
    assert imported_at_start(path) & HEAVY == set()


@pytest.mark.parametrize("library", ["pickle", "marshal", "shelve", "dill", "cloudpickle"])
def test_nothing_is_pickled(library: str) -> None:
    assert importers(library) == []


def test_numpy_files_are_read_without_pickles() -> None:
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path


def test_torch_files_are_never_loaded() -> None:
    for path in SOURCES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in {"torch.load", "torch.save", "joblib.load", "joblib.dump"}, path


def test_one_place_compiles_one_asks_the_time_and_one_draws() -> None:
    assert set(calls("njit") + calls("jit") + calls("vectorize")) == {"core/compiled.py"}
    assert {place.partition(":")[0] for place in importers("time")} == {"core/clock.py"}
    assert {place.partition(":")[0] for place in importers("random")} <= {"core/random.py"}
    clocks = [
        room(p)
        for p in SOURCES
        for n in ast.walk(tree(p))
        if isinstance(n, ast.Attribute) and n.attr in {"now", "utcnow", "today"}
    ]
    assert clocks == []
    assert set(calls("default_rng") + calls("PCG64") + calls("RandomState")) <= {"core/random.py"}


# Shape


@pytest.mark.parametrize("path", SOURCES, ids=room)
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


@pytest.mark.parametrize("path", SOURCES, ids=room)
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert not FORBIDDEN_NAMES.search(path.stem)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            assert not FORBIDDEN_NAMES.search(node.name)


def test_every_module_says_what_it_is() -> None:
    silent = [room(path) for path in SOURCES if path.read_text().strip() and not ast.get_docstring(tree(path))]
    assert silent == []


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
    assert [room(path) for path in SOURCES if marks.search(path.read_text(encoding="utf-8"))] == []


# The repository


def tracked() -> list[str]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return listing.stdout.split()


def test_the_root_folder_holds_only_what_belongs_there() -> None:
    assert {name.partition("/")[0] for name in tracked()} <= ROOT_FOLDER


def test_no_machine_and_no_registry_is_named() -> None:
    places = re.compile(
        rb"/(?:work|home|root|Users)/(?!\.\.\.)[\w.-]+|/opt/|pypi\.org|pythonhosted|download\.pytorch|--(?:extra-)?index-url|--find-links"
    )
    for name in tracked():
        path = ROOT / name
        if path == Path(__file__) or not path.is_file() or path.suffix in {".png", ".parquet", ".npz"}:
            continue
        found = places.search(path.read_bytes())
        assert found is None, f"{name}: {found}"


def test_pins_are_pins_only() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert "torch==2.13.0" in lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9._-]+==[0-9][\w.]*", line)] == []


# What an import costs


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import candlewick; print(*set(sys.modules) - before)"
    loaded = run(code).split()
    assert len(loaded) < 40
    assert "numpy" not in loaded


@pytest.mark.parametrize(
    "module", ["cli.main", "features", "labels", "samples", "models", "evaluate.verdict", "data.bars"]
)
def test_torch_is_not_loaded_by(module: str) -> None:
    assert run(f"import sys, candlewick.{module}; print('torch' in sys.modules)") == "False"


def test_a_server_starts_without_what_fitted_its_models() -> None:
    # numba itself loads the BLAS of scipy, and nothing more of it.
    more = {"scipy.stats", "scipy.signal", "scipy.optimize", "scipy.special", "ccxt", "redis", "candlewick.lab"}
    unwanted = HEAVY - {"scipy"} | more
    assert run(f"import sys, candlewick.serve.server; print({unwanted!r} & set(sys.modules))") == "set()"


def test_help_loads_neither_numpy_nor_the_compiler() -> None:
    code = """
import sys
from candlewick.cli.main import call
assert call(["--help"]) == 0
print({"numpy", "numba", "torch", "polars"} & set(sys.modules))
"""
    assert run(code).splitlines()[-1] == "set()"


def test_every_public_name_is_there_and_is_told_to_type_checkers() -> None:
    import candlewick

    assert sorted(candlewick.__all__) == sorted(candlewick._PLACES)
    assert 15 <= len(candlewick.__all__) <= 25
    for_checkers = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in ast.walk(tree(PACKAGE / "__init__.py"))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("candlewick")
        for alias in node.names
    }
    assert for_checkers == candlewick._PLACES
    rooms = {path.stem for path in PACKAGE.iterdir()}
    assert rooms.isdisjoint(candlewick.__all__), "a room of the same name would shadow it"
    for name in candlewick.__all__:
        assert getattr(candlewick, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = candlewick.nonsense  # type: ignore[attr-defined]


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert importlib.util.find_spec("candlewick") is not None

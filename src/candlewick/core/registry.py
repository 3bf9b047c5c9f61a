"""A family: the spec classes of one folder. The folder listing is the registry."""

import ast
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from candlewick.core.config import validated
from candlewick.core.errors import ConfigError
from candlewick.core.spec import Spec

S = TypeVar("S", bound=Spec)
USER_MODULE = "candlewick_user_"
"""How the names of modules begin that are loaded from users' files."""


@dataclass(frozen=True)
class Family(Generic[S]):
    """The members of `package`: one public subclass of `base` in every file without a leading underscore."""

    package: str
    base: type[S]

    @property
    def title(self) -> str:
        """The family's own name: `features`, `labels`, `splits` ..."""
        return self.package.rpartition(".")[2]

    def names(self) -> tuple[str, ...]:
        """Members that ship with the package, sorted."""
        return tuple(sorted(path.stem for path in self._folder().glob("*.py") if not path.stem.startswith("_")))

    def summaries(self) -> dict[str, str]:
        """First docstring line of every member, read without importing it."""
        return {name: _summary(self._folder() / f"{name}.py") for name in self.names()}

    def member(self, name: str) -> type[S]:
        """The class called `name`: a file of the package, or `path/to/file.py:Class`.

        Raises:
            ConfigError: no such member, file or class; the nearest name is offered.
        """
        if ".py" in name:
            return self._from_user_file(name)
        if name not in self.names():
            near = difflib.get_close_matches(name, self.names(), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"no member of {self.title} is called {name!r}.{hint} "
                f"There are: {', '.join(self.names())}; or name a file of your own as 'my_file.py:Class'."
            )
        module = importlib.import_module(f"{self.package}.{name}")
        return self._only_class(module, f"{self.package}.{name}")

    def build(self, entry: str | Mapping[str, Any] | S) -> S:
        """A spec from `"rsi"`, from `{"name": "rsi", "length": 14}`, or from a spec (returned as it is).

        Raises:
            ConfigError: unknown member or key, a value out of range, or a missing `name`.
        """
        if isinstance(entry, self.base):
            return entry
        if isinstance(entry, str):
            entry = {"name": entry}
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise ConfigError(
                f"an entry of {self.title} needs a name, was {entry!r}. "
                f"Write a name, or a mapping such as {{name: {self.names()[0]}}}."
            )
        parameters = {key: value for key, value in entry.items() if key != "name"}
        return validated(self.member(entry["name"]), parameters, where=f"{self.title}.{entry['name']}")

    def _folder(self) -> Path:
        spec = importlib.util.find_spec(self.package)
        assert spec is not None
        assert spec.submodule_search_locations
        return Path(spec.submodule_search_locations[0])

    def _only_class(self, module: ModuleType, where: str, wanted: str | None = None) -> type[S]:
        found = [
            value
            for value in vars(module).values()
            if inspect.isclass(value)
            and issubclass(value, self.base)
            and value.__module__ == module.__name__
            and not value.__name__.startswith("_")
            and wanted in (None, value.__name__)
        ]
        if len(found) != 1:
            names = ", ".join(value.__name__ for value in found) or "none"
            raise ConfigError(
                f"{where} must define exactly one public {self.base.__name__}"
                f"{f' called {wanted}' if wanted else ''}, found {names}."
            )
        return found[0]

    def _from_user_file(self, name: str) -> type[S]:
        path_text, _, wanted = name.partition(":")
        path = Path(path_text).expanduser().resolve()
        if not path.is_file():
            raise ConfigError(f"the file {path_text} of {name!r} does not exist (looked at {path}).")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        place = hashlib.sha256(str(path).encode()).hexdigest()
        # Named after its content too: an edited file is another module, so a long session sees the edit.
        module_name = f"{USER_MODULE}{path.stem}_{place[:8]}_{digest[:12]}"
        module = sys.modules.get(module_name)
        if module is None:
            spec = importlib.util.spec_from_file_location(module_name, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            try:
                spec.loader.exec_module(module)
            except Exception as error:
                del sys.modules[module_name]
                raise ConfigError(f"{path} could not be loaded: {type(error).__name__}: {error}") from error
        member = self._only_class(module, str(path), wanted or None)
        member.source_file, member.source_hash = str(path), digest
        return member


def _summary(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]

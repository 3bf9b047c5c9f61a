"""What an experiment will cost, said before it is trained: parameters, memory, time and latency.

The room is also the verb: `candlewick.plan(experiment)` is `candlewick.lab.planning.plan(experiment)`. Importing a
package always puts it on its parent under its own name, so the name cannot be the function alone.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Verb(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return import_module("candlewick.lab.planning").plan(*arguments, **options)


sys.modules[__name__].__class__ = _Verb

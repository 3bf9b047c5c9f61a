"""Which versions made a result."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Python's version, then those of the libraries that are installed, in their order; the others are left out.

    >>> list(versions(["numpy", "no-such-library"]))
    ['python', 'numpy']
    """
    found = {"python": platform.python_version()}
    for library in libraries:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found

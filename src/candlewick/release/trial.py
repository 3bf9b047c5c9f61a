"""The process in which a foreign release is tried: it limits itself, opens the folder and runs the golden vectors.

Run as `python -P -m candlewick.release.trial` by `candlewick.release.foreign`, with one JSON object on standard input.
"""

import json
import resource
import sys
from pathlib import Path

from candlewick.core.errors import CandlewickError

OPEN_FILES = 256


def main() -> None:
    """Read what is to be tried, try it, and write one JSON object: `{"id": ...}` or `{"error": ...}`."""
    asked = json.load(sys.stdin)
    _limit(asked["memory"], asked["seconds"], asked["file"])
    try:
        answer = {"id": _tried(Path(asked["folder"]), [Path(place) for place in asked["members"]])}
    except Exception as error:  # whatever a foreign release or a member makes of itself
        answer = {"memory": "exhausted"} if _is_exhaustion(error) else {"error": _said(error)}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def _limit(memory: int, seconds: int, file: int) -> None:
    limits = {
        resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: seconds, resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_FSIZE: file, resource.RLIMIT_CORE: 0,
    }  # fmt: skip
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def _tried(folder: Path, members: list[Path]) -> str:
    from candlewick.release.bundle import open_bundle
    from candlewick.release.gate import Asked, decide

    bundle = open_bundle(folder, members=members)
    decision = decide(Asked(bundle, "challenger"))
    if not decision.allowed:
        raise CandlewickError(f"{'; '.join(decision.reasons)}.")
    return bundle.id


def _is_exhaustion(error: BaseException | None) -> bool:
    # Also where a library or a refusal was made of it.
    while error is not None:
        if isinstance(error, MemoryError) or "bad_alloc" in str(error) or "llocate memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, CandlewickError) else f"{type(error).__name__}: {error}"[:2_000]


if __name__ == "__main__":
    main()

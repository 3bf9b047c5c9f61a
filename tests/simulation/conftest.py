"""Makes the simulated day importable, and what it shares with other tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
for place in (TESTS / "simulation", TESTS / "unit" / "release", TESTS / "unit" / "serve"):
    sys.path.insert(0, str(place))

"""Makes what the tests of feeds share importable: a small exchange, and the small server of the folder above."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import subprocess
import sys


def test_the_room_is_the_verb_whichever_is_met_first():
    for first in ("import candlewick.sizing.gate", "import candlewick; candlewick.sizing"):
        code = f"{first}\nimport candlewick as cw, candlewick.sizing.gate as gate, sys\n"
        code += "from candlewick.lab import planning\nplanning.plan = lambda *given: given\n"
        code += "assert cw.plan('quickstart', 'model=linear') == ('quickstart', 'model=linear')\n"
        code += "assert gate.gates\nassert not {'torch', 'sklearn'} & set(sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr

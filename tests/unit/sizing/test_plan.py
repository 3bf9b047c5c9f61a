import subprocess
import sys


def test_counts_and_gates_load_no_library_that_trains():
    code = "import candlewick.sizing.gate, candlewick.sizing.count, candlewick.lab.planning, sys\n"
    code += "assert not {'torch', 'sklearn'} & set(sys.modules), set(sys.modules) & {'torch', 'sklearn'}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr

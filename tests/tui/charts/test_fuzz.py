import subprocess
import sys


def test_the_worst_data_there_is_neither_raises_nor_aborts_nor_eats_memory() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.tui.charts.fuzz", "2500"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert run.returncode == 0, run.stderr
    assert run.stdout == "2500 charts drawn"

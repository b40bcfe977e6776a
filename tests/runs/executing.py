"""Executes exported scripts with python alone, each in a process of its own, and reads what they print."""

import atexit
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tui_regress.data.dataset import FloatArray

# Importing torch takes a second or two, and so does its first optimizer: a process that has both behind it makes a copy
# of itself for each script.
_SERVER = r"""
import os, runpy, sys
import numpy, polars, torch

torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
for line in sys.stdin:
    script, folder = line.rstrip("\n").split("\t")
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{script}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        code = 1
        try:
            runpy.run_path(script, run_name="__main__")
            code = 3 if any(name.startswith("tui_regress") for name in sys.modules) else 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Result(NamedTuple):
    """What a script printed."""

    out: str
    err: str

    @property
    def parameters(self) -> FloatArray:
        """Shape (p,): in the order in which they are printed."""
        values = re.findall(r"^.* = ([-+.\deinfa]+)$", self.out, re.MULTILINE)
        return np.array([float(value) for value in values])


def execute(text: str, folder: Path) -> Result:
    """Execute the script ``text``, written to ``folder`` and in there."""
    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    process = _python()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{path}\t{folder}\n")
    process.stdin.flush()
    code = process.stdout.readline().strip()
    result = Result(*(Path(f"{path}.{name}").read_text(encoding="utf-8") for name in ("out", "err")))
    assert code == "0", f"{result.err}\n{text}"
    return result


@cache
def _python() -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    atexit.register(process.communicate)
    return process

"""Where a run takes place: versions, machine, process; and whether that process is still there."""

import os
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

import tui_regress

_CLOCK_STEPS = 60.0
"""Seconds by which the time at which a process began may seem to move, when the clock of the machine is set right."""


def environment() -> dict[str, Any]:
    """What may matter for the numbers of a run in this process, and how to tell the process from any other."""
    import psutil
    import torch

    return {
        "tui-regress": tui_regress.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": torch.get_num_threads(),
        "host": _host(),
        "pid": os.getpid(),
        "process_began": psutil.Process().create_time(),
    }


def is_elsewhere(environment: Mapping[str, Any]) -> bool:
    """Whether it is that of another machine, of whose processes nothing is known here."""
    return bool(environment["host"] != _host())


def is_alive(environment: Mapping[str, Any]) -> bool:
    """Whether the process is still there; on another machine it is thought to be."""
    if is_elsewhere(environment):
        return True
    import psutil

    try:
        process = psutil.Process(environment["pid"])
        began = process.create_time()
        return bool(
            process.status() != psutil.STATUS_ZOMBIE and abs(began - environment["process_began"]) < _CLOCK_STEPS
        )
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _host() -> str:
    # Without the domain: a laptop's changes with the network it is in.
    return platform.node().partition(".")[0]

"""For tests of the command line: what a command answers, and the installed program."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest

SCRIPT = Path(sys.executable).with_name("tui-regress")
ENDLESS = ["train", "gentle-line", "--set", "training.epochs=1000000000", "--json", "--every", "1000"]


class Result(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every line of stdout must be an object of strict JSON."""
        return [json.loads(line, parse_constant=pytest.fail) for line in self.out.splitlines()]


Call = Callable[..., Result]


def start(*arguments: str, stdout: int | IO[str] = subprocess.PIPE) -> "subprocess.Popen[str]":
    """The installed program, as a shell starts it."""
    return subprocess.Popen(
        [SCRIPT, *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    """Wait for it."""
    assert process.stdout
    return process.stdout.readline()

import subprocess
import sys
from importlib.metadata import version

import psutil
import pytest

from tests.runs.made_up import until
from tui_regress import __version__
from tui_regress.runs.environment import environment, is_alive, is_elsewhere


def test_the_versions_are_those_in_use() -> None:
    here = environment()
    assert here["tui-regress"] == __version__
    assert here["python"] == ".".join(map(str, sys.version_info[:3]))
    assert (here["torch"], here["numpy"]) == (version("torch"), version("numpy"))


def test_this_process_is_alive_and_here() -> None:
    assert is_alive(environment())
    assert not is_elsewhere(environment())


def test_the_number_of_another_process_is_no_sign_of_life() -> None:
    assert not is_alive({**environment(), "process_began": environment()["process_began"] - 3600})


def test_a_process_lives_until_it_ends_though_its_parent_has_not_asked_for_it_yet() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = psutil.Process(child.pid).create_time()
    there = {**environment(), "pid": child.pid, "process_began": began}
    assert is_alive(there)
    child.kill()
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
    assert not is_alive(there)
    child.wait()
    assert not is_alive(there)
    assert child.stdin is not None
    child.stdin.close()


def test_of_a_process_on_another_machine_nothing_is_known() -> None:
    there = {**environment(), "host": "elsewhere", "process_began": 0.0}
    assert is_elsewhere(there)
    assert is_alive(there)


def test_a_process_that_may_not_be_asked_about_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(_process: psutil.Process) -> float:
        raise psutil.AccessDenied

    here = environment()
    monkeypatch.setattr(psutil.Process, "create_time", deny)
    assert is_alive(here)


@pytest.mark.parametrize("domain", ["", ".local", ".some.network"])
def test_a_laptop_is_the_same_in_another_network(monkeypatch: pytest.MonkeyPatch, domain: str) -> None:
    monkeypatch.setattr("platform.node", lambda: "laptop")
    here = environment()
    monkeypatch.setattr("platform.node", lambda: f"laptop{domain}")
    assert not is_elsewhere(here)

"""The benchmarks as a program: which parts they take, what they make of figures, what they print. Never how fast."""

import io
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch
from click import UsageError
from click.testing import CliRunner
from rich.console import Console

from tests.benchmarks import __main__ as program
from tests.benchmarks import child
from tests.benchmarks.claims import Claim, Figures, Measure, MissingError, Outcome, Part, Scale, Side
from tests.benchmarks.on_cuda import steps
from tests.benchmarks.parts import PARTS
from tests.benchmarks.report import number, table
from tests.benchmarks.rounds import measure
from tests.benchmarks.terminal import ProcessError, Terminal
from tests.benchmarks.works import minibatches

SPEED = Claim(ours="ours", theirs="theirs", figure="speed", least=20)


def made_up(figures: Sequence[float], log: list[str], name: str, backend: str = "") -> Side:
    """A side that gives these figures one after the other, and tells what is done to it."""

    @contextmanager
    def side(_scale: Scale) -> Iterator[Measure]:
        left = iter(figures)

        def take() -> Figures:
            log.append(name)
            return {"speed": next(left), "backend": backend}

        log.append(f"{name} opened")
        try:
            yield take
        finally:
            log.append(f"{name} closed")

    return side


def not_there(_scale: Scale) -> AbstractContextManager[Measure]:
    raise MissingError("nowhere is not installed")


@contextmanager
def gives_up(_scale: Scale) -> Iterator[Measure]:
    def take() -> Figures:
        raise MissingError("it takes too long here")

    yield take


@contextmanager
def breaks(_scale: Scale) -> Iterator[Measure]:
    def take() -> Figures:
        raise ProcessError("ended; it said last: [red]oops")

    yield take


def part(sides: dict[str, Side], *claims: Claim, name: str = "made-up") -> Part:
    return Part(name=name, about="made up", sides=sides, claims=claims, gigabytes=0)


def outcomes(sides: dict[str, Side], *claims: Claim, count: int = 3) -> list[Outcome]:
    return measure(part(sides, *claims), Scale(), count, lambda _doing: None)


def printed(found: Sequence[Outcome]) -> list[str]:
    console = Console(file=io.StringIO(), width=150)
    console.print(table(found))
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines() if line.strip()]


def run(monkeypatch: pytest.MonkeyPatch, parts: Sequence[Part], *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(program, "PARTS", parts)
    result = CliRunner().invoke(program.main, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_the_sides_take_turns_and_are_opened_and_closed_once() -> None:
    log: list[str] = []
    outcomes({"ours": made_up([60, 10], log, "A"), "theirs": made_up([2, 1], log, "B")}, SPEED, count=2)
    assert log == ["A opened", "B opened", "A", "B", "A", "B", "B closed", "A closed"]


def test_a_claim_goes_by_the_median_of_the_ratios_of_each_round() -> None:
    log: list[str] = []
    sides = {"ours": made_up([100, 60, 10], log, "A", "analytic"), "theirs": made_up([4, 2, 1], log, "B")}
    [found] = outcomes(sides, SPEED)
    assert found.values == (25.0, 30.0, 10.0)
    assert (found.value, found.reached, found.backend) == (25.0, True, "analytic")


def test_a_figure_without_another_side_goes_by_what_the_claim_says() -> None:
    worst = Claim(ours="ours", figure="speed", most=3, unit="ms", over=max)
    plain = Claim(ours="ours", figure="speed")
    found, other = outcomes({"ours": made_up([1, 9, 2], [], "A")}, worst, plain)
    assert (found.value, found.reached) == (9, False)
    assert (other.value, other.reached) == (2, None), "nothing is claimed"


def test_what_one_side_lacks_spoils_only_the_claims_that_need_it() -> None:
    sides = {"ours": made_up([1, 2, 3], [], "A"), "theirs": not_there, "slow": gives_up}
    alone, compared, late = outcomes(
        sides, Claim(ours="ours", figure="speed"), SPEED, Claim(ours="slow", figure="speed")
    )
    assert (alone.value, alone.missing) == (2, "")
    assert (compared.missing, compared.reached) == ("nowhere is not installed", None)
    assert late.missing == "it takes too long here"


def test_where_a_side_breaks_the_others_are_closed() -> None:
    log: list[str] = []
    with pytest.raises(ProcessError):
        outcomes({"ours": made_up([1], log, "A"), "theirs": breaks}, SPEED)
    assert log[-1] == "A closed"


def test_a_part_for_which_memory_is_short_is_left_out_with_a_sentence() -> None:
    large = Part(name="large", about="", sides={"ours": breaks}, claims=(SPEED,), gigabytes=1e9)
    [found] = measure(large, Scale(), 1, lambda _doing: None)
    assert found.missing.startswith("takes 1e+09 GB of memory, and ")


def test_a_part_of_many_measurements_takes_no_more_rounds_than_it_needs() -> None:
    log: list[str] = []
    once = Part(
        name="once",
        about="",
        sides={"ours": made_up([1], log, "A")},
        claims=(Claim(ours="ours", figure="speed"),),
        gigabytes=0,
        most_rounds=1,
    )
    measure(once, Scale(), 5, lambda _doing: None)
    assert log == ["A opened", "A", "A closed"]


def test_a_quick_measurement_is_a_tenth_of_the_work() -> None:
    assert [Scale(quick).of(100_000) for quick in (False, True)] == [100_000, 10_000]
    assert Scale(quick=True).of(3) == 1


def test_the_table_says_what_was_wanted_and_whether_it_was_reached() -> None:
    sides = {"ours": made_up([100, 60, 10], [], "A", "analytic"), "theirs": made_up([4, 2, 1], [], "B")}
    few = Claim(ours="ours", theirs="theirs", figure="speed", most=20)
    rows = printed(outcomes(sides | {"none": not_there}, SPEED, few, Claim(ours="none", figure="speed", most=2)))
    assert rows == [
        "part ours / theirs figure ours theirs median min … max wanted reached",
        "made-up ours / theirs · analytic speed 60.0 2.00 25.0 × 10.0 … 30.0 ≥ 20 × yes",
        "ours / theirs · analytic speed 60.0 2.00 25.0 × 10.0 … 30.0 ≤ 20 × no",
        "none speed — — — — ≤ 2 × nowhere is not installed",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (0.0312, "0.0312"),
        (3.14159, "3.14"),
        (31.4159, "31.4"),
        (9999, "9999"),
        (10_000, "10.0 k"),
        (314_159, "314 k"),
        (3_141_590, "3.14 M"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_parts_are_chosen_by_name_and_stay_in_their_order() -> None:
    a, b, c = (part({}, name=name) for name in "abc")
    assert program.chosen(["c", "a"], [a, b, c]) == [a, c]
    assert program.chosen([], [a, b, c]) == [a, b, c]
    with pytest.raises(UsageError, match=r"there is no part 'd'; there are a, b, c\."):
        program.chosen(["a", "d"], [a, b, c])


def test_the_list_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run(monkeypatch, [part({"ours": breaks}, SPEED)], "--list")
    assert (code, out.split()) == (0, ["made-up", "made", "up"])


def test_json_is_one_strict_object_a_line_and_the_machine_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = {"ours": made_up([100, 60], [], "A", "analytic"), "theirs": made_up([4, 2], [], "B"), "none": not_there}
    without = Claim(ours="none", figure="speed")
    code, out, _ = run(monkeypatch, [part(sides, SPEED, without)], "--json", "--runs", "2", "made-up")
    machine, speed, missing = [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()]
    assert code == 0
    assert machine["machine"]["cores"] == os.cpu_count()
    assert machine["machine"]["packages"]["torch"]
    assert (speed["part"], speed["values"], speed["value"], speed["reached"]) == ("made-up", [25, 30], 27.5, True)
    assert (speed["ours_figures"], speed["theirs_figures"], speed["backend"]) == ([100, 60], [4, 2], "analytic")
    assert (missing["missing"], missing["reached"]) == ("nowhere is not installed", None)


def test_a_part_that_breaks_leaves_the_others_and_the_exit_code_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = part({"ours": made_up([100], [], "A"), "theirs": made_up([4], [], "B")}, SPEED, name="whole")
    broken = part({"ours": breaks}, Claim(ours="ours", figure="speed"), name="broken")
    code, out, err = run(monkeypatch, [broken, whole], "--quick")
    assert code == 1
    assert "broken: ProcessError: ended; it said last: [red]oops" in " ".join(err.split())
    assert "25.0 ×" in out
    assert "Quick figures say little." in out


def test_a_claim_that_is_not_reached_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = part({"ours": made_up([1], [], "A"), "theirs": made_up([4], [], "B")}, SPEED)
    code, out, _ = run(monkeypatch, [slow], "--runs", "1")
    assert code == 0
    assert " no " in out


def test_a_backend_by_itself_is_timed_where_its_device_is() -> None:
    with steps("one by one", minibatches, "cpu")(Scale(quick=True)) as take:
        (speed,) = take().values()
    assert isinstance(speed, float)
    assert speed > 0


def test_without_a_card_there_are_no_figures_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with (
        pytest.raises(MissingError, match="torch finds no CUDA device"),
        steps("captured", minibatches)(Scale(quick=True)),
    ):
        pass


def test_every_part_has_a_name_of_its_own_and_claims_only_what_it_measures() -> None:
    assert len({part.name for part in PARTS}) == len(PARTS)
    for one in PARTS:
        assert one.claims
        assert {side for claim in one.claims for side in claim.sides} == one.sides.keys(), one.name


def test_a_process_does_what_it_is_told_until_there_is_no_more() -> None:
    answers = io.StringIO()
    child.serve(['{"task": "double", "value": 21}\n'], answers, {"double": lambda value: {"is": 2 * value}})
    assert answers.getvalue() == '{}\n{"is": 42}\n'


def test_in_a_process_without_a_package_it_is_as_good_as_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[object] = []
    module = ModuleType("tests.benchmarks.looks")
    module.main = lambda *_pipes, name: found.append(find_spec(name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "wave", __import__("wave"))
    commands, answers = os.pipe()
    arguments = {"name": "wave"}
    spec = {"module": "looks", "without": ["wave"], "commands": commands, "answers": answers, "arguments": arguments}
    child.main(spec)
    assert found == [None]


PAINTS = r"""
import os, sys, tty
tty.setraw(0)
os.write(1, b"\x1b[?2026$p")
asked = os.read(0, 100)
for piece in (b"ready epoch 1,2", b"34/9 epoch 1,234/9 one", b" epoch 5/9 epoch 6/9 three", repr(asked).encode()):
    os.write(1, piece)
    os.read(0, 1)
sys.exit("the last words")
"""


def test_a_terminal_paints_in_one_go_and_counts_frames_that_show_another_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.benchmarks.terminal.PATIENCE", 20.0)
    began = time.monotonic()
    with Terminal([sys.executable, "-c", PAINTS]) as terminal:
        terminal.see(b"ready epoch 1,2")
        assert terminal.painted(began, time.monotonic()) == 0
        for painted, frames in ((b"one", 1), (b"three", 3), (rb"\x1b[?2026;2$y", 3)):
            terminal.type("k")
            terminal.see(painted)
            assert terminal.painted(began, time.monotonic()) == frames
        assert terminal.painted(time.monotonic(), time.monotonic()) == 0
        terminal.type("k")
        with pytest.raises(ProcessError, match="the last words"):
            terminal.see(b"what never comes")

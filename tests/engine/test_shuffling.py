import threading

import numpy as np
import pytest

from tui_regress.engine import shuffling
from tui_regress.engine.control import Stop
from tui_regress.engine.shuffling import permutation, set_words, words


class Slow(np.random.Generator):
    """One that draws only once somebody has breathed."""

    breathed: threading.Event

    def permutation(self, *arguments: object, **settings: object) -> object:  # type: ignore[override]
        assert self.breathed.wait(60)
        return super().permutation(*arguments, **settings)  # type: ignore[call-overload]


def slow(seed: int) -> Slow:
    order = Slow(np.random.PCG64(seed))
    order.breathed = threading.Event()
    return order


def test_a_long_permutation_is_the_generators_own_and_lets_the_caller_breathe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffling, "_LONG", 10)
    order, own = slow(3), np.random.Generator(np.random.PCG64(3))
    for _ in range(2):
        order.breathed.clear()
        assert permutation(order, 10, order.breathed.set).tolist() == own.permutation(10).tolist()
    assert order.bit_generator.state == own.bit_generator.state


def test_a_short_permutation_is_drawn_at_once() -> None:
    breaths: list[None] = []
    drawn = permutation(np.random.default_rng(3), 10, lambda: breaths.append(None))
    assert drawn.tolist() == np.random.default_rng(3).permutation(10).tolist()
    assert breaths == []


def test_a_stop_does_not_wait_for_a_long_permutation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffling, "_LONG", 10)
    order = slow(3)

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        permutation(order, 10, stop)
    order.breathed.set()


def test_what_goes_wrong_while_drawing_is_told() -> None:
    with pytest.raises(MemoryError):
        permutation(np.random.default_rng(3), 10**15, lambda: None)


@pytest.mark.parametrize("drawn", [0, 1, 2])
def test_a_generator_set_to_the_words_of_another_draws_the_same(drawn: int) -> None:
    one, other = np.random.default_rng(7), np.random.default_rng(8)
    one.integers(0, 10, size=drawn, dtype=np.uint32)
    found = words(one)
    assert found.shape == (6,)
    assert found.dtype == np.uint64
    set_words(other, found)
    assert other.bit_generator.state == one.bit_generator.state
    assert other.permutation(100).tolist() == one.permutation(100).tolist()

import gc
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from textual.message import Message

from tests.tui.support import PATIENCE
from tui_regress.tui import messages, runner
from tui_regress.tui.runner import Runner


@pytest.fixture
def searches() -> Iterator[None]:
    """Python looks for garbage as it did before, afterwards."""
    before = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("searches")
def test_once_all_is_loaded_no_search_for_garbage_takes_long() -> None:
    told: SimpleQueue[Message] = SimpleQueue()
    Runner(told.put).survey_devices()
    assert isinstance(told.get(timeout=PATIENCE), messages.DevicesFound)
    assert gc.get_threshold()[0] == runner._COLLECT_AFTER
    assert gc.get_freeze_count() > len(gc.get_objects())

from tui_regress.experiment import Sgd, builtin
from tui_regress.tui.draft import Draft
from tui_regress.tui.settings import value_of


def test_a_value_that_is_wrong_waits_and_the_others_are_taken() -> None:
    draft = Draft(builtin("gentle-line"))
    draft.edit({"optimizer.lr": "fast"})
    draft.edit({"training.epochs": 7})
    assert draft.experiment.training.epochs == 7
    assert draft.pending == {"optimizer.lr": "fast"}
    assert draft.problems == {"optimizer.lr": "must be a number above 0."}


def test_changes_that_need_each_other_are_taken_together_even_beside_a_wrong_one() -> None:
    draft = Draft(builtin("cpu-line"))
    draft.edit({"optimizer.lr": "fast"})
    draft.edit({"data.source": "points", "data.x": [1.0, 2.0], "data.y": [3.0, 4.0]})
    assert value_of(draft.experiment, "data.source") == "points"
    assert list(draft.problems) == ["optimizer.lr"]


def test_two_fields_that_need_each_other_are_taken_once_both_are_right() -> None:
    draft = Draft(builtin("gentle-line"))
    draft.edit({"data.x": [1.0, 2.0, 3.0]})
    assert list(draft.problems) == ["data.x"]
    assert "as many values" in draft.problems["data.x"]
    draft.edit({"data.y": [1.0, 2.0, 3.0]})
    assert not draft.problems
    assert not draft.pending


def test_a_wrong_value_goes_with_the_field_that_held_it() -> None:
    draft = Draft(builtin("gentle-line"))
    draft.edit({"optimizer.momentum": "x"})
    assert isinstance(draft.experiment.optimizer, Sgd)
    draft.edit({"optimizer.name": "adam"})
    assert value_of(draft.experiment, "optimizer.name") == "adam"
    assert not draft.pending
    assert not draft.problems


def test_a_corrected_value_clears_its_problem() -> None:
    draft = Draft(builtin("gentle-line"))
    draft.edit({"optimizer.lr": "fast"})
    draft.edit({"optimizer.lr": 0.02})
    assert draft.experiment.optimizer.lr == 0.02
    assert not draft.problems

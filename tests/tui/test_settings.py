import pytest

from tui_regress.experiment import Experiment, builtin, override
from tui_regress.experiments import NAMES
from tui_regress.tui.settings import (
    OPTIMIZERS,
    SOURCES,
    Kind,
    Setting,
    data_settings,
    device_settings,
    from_text,
    model_settings,
    to_text,
    value_of,
)


def all_settings(experiment: Experiment) -> list[Setting]:
    return [*data_settings(experiment), *model_settings(experiment), *device_settings(("cpu",))]


@pytest.mark.parametrize("name", NAMES)
def test_every_field_shows_a_value_and_reads_it_back_as_the_same_experiment(name: str) -> None:
    experiment = builtin(name)
    for setting in all_settings(experiment):
        value = value_of(experiment, setting.key)
        read = value if setting.kind in ("choice", "switch") else from_text(to_text(value, setting), setting)
        assert override(experiment, {setting.key: read}) == experiment, setting.key


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_shows_only_settings_it_has(optimizer: str) -> None:
    experiment = override(builtin("gentle-line"), {"optimizer.name": optimizer})
    for setting in model_settings(experiment):
        value_of(experiment, setting.key)


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_a_field_offers_is_one_the_experiment_takes(name: str) -> None:
    experiment = override(builtin(name), {"optimizer.name": "sgd"})
    for setting in all_settings(experiment):
        for choice in setting.choices:
            needs_more = setting.key == "data.source" or (
                setting.key == "data.x" and choice != value_of(experiment, setting.key)
            )
            if not needs_more:
                override(experiment, {"training.gradient": "auto", setting.key: choice})


def test_the_sources_are_those_of_the_experiment_file() -> None:
    assert SOURCES == ("points", "linear", "logistic", "table")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("12", "integer", 12),
        ("10_000", "integer", 10_000),
        ("10,000", "integer", 10_000),
        ("1e3", "integer", 1000),
        ("1.5", "integer", "1.5"),
        ("inf", "integer", "inf"),
        ("1e-3", "number", 0.001),
        ("fast", "number", "fast"),
        ("1, 2 3", "numbers", [1.0, 2.0, 3.0]),
        ("1, two", "numbers", "1, two"),
        ("a, b c ,", "texts", ["a", "b c"]),
        ("", "number", ""),
        ("", "text", ""),
    ],
)
def test_text_means_what_a_person_would_mean(text: str, kind: Kind, value: object) -> None:
    assert from_text(text, Setting("data.low", "Low", kind, "")) == value


def test_an_empty_field_unsets_only_what_may_be_left_out() -> None:
    assert from_text(" ", Setting("data.low", "Low", "number", "", placeholder="0")) is None

import pytest

from tui_regress.data import load_dataset
from tui_regress.engine.stability import Forecast, forecast
from tui_regress.experiment import builtin, override
from tui_regress.experiments import NAMES
from tui_regress.tui.explanation import explanation
from tui_regress.tui.widgets.stability_pane import level_of, meter, outlook


def of(name: str, lr: float | None = None) -> Forecast:
    experiment = builtin(name) if lr is None else override(builtin(name), {"optimizer.lr": lr})
    return forecast(experiment, load_dataset(experiment))


@pytest.mark.parametrize(("share", "level"), [(0.5, "safe"), (0.8, "near"), (1.0, "near"), (1.01, "over")])
def test_levels_change_at_80_and_100_percent_of_the_limit(share: float, level: str) -> None:
    assert level_of(share) == level


@pytest.mark.parametrize("width", [1, 20, 40, 77, 200])
@pytest.mark.parametrize("lr", [1e-12, 0.01, 0.0845, 0.1, 1e9])
def test_the_meter_fills_its_width_and_shows_the_limit_whatever_the_rate(lr: float, width: int) -> None:
    line = meter(of("gentle-line"), lr, width, "red", "dim", "white")
    if width >= 40:
        assert line.cell_len == width
        assert "┃" in line.plain
    assert "limit 0.0845" in line.plain


def test_the_bar_grows_with_the_rate_and_reaches_the_limit_at_the_limit() -> None:
    bars = [meter(of("gentle-line"), lr, 77, "red", "dim", "white").plain for lr in (1e-3, 1e-2, 0.08, 0.5)]
    filled = [bar.count("━") for bar in bars]
    assert filled == sorted(filled)
    assert bars[1].rindex("━") < bars[1].index("┃")
    assert bars[3].rindex("━") > bars[3].index("┃")


def test_the_outlook_tells_growth_and_overflow_or_the_epochs_needed() -> None:
    assert outlook(of("exploding-line")) == "The loss will grow ×1.87 per epoch; float32 overflows at epoch 134."
    assert "after 1,034 epochs" in outlook(of("gentle-line"))


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_is_explained_in_whole_sentences(name: str) -> None:
    experiment = builtin(name)
    told = forecast(experiment, load_dataset(experiment))
    paragraphs = explanation(experiment, load_dataset(experiment).rows, told)
    assert len(paragraphs) >= 3
    for heading, text in paragraphs:
        assert heading
        assert text.endswith(".")
        assert "nan" not in text
        assert "None" not in text


def test_the_explanation_says_why_numpy_line_lives_where_exploding_line_dies() -> None:
    for name, verdict in (("numpy-line", "half-mse is stable"), ("exploding-line", "mse explodes")):
        experiment = builtin(name)
        told = forecast(experiment, load_dataset(experiment))
        convention = dict(explanation(experiment, 5, told))["The convention"]
        assert "mse 0.0845 · half-mse 0.169" in convention
        assert verdict in convention

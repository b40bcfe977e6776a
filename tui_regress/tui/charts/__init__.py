"""Charts: pure functions from data, size and palette to text of exactly that size. For the UI thread only."""

from tui_regress.tui.charts.axes import Palette
from tui_regress.tui.charts.fit import Curve, fit_chart, predicted_chart
from tui_regress.tui.charts.frame import message_chart
from tui_regress.tui.charts.loss import Losses, Mark, loss_chart

__all__ = ["Curve", "Losses", "Mark", "Palette", "fit_chart", "loss_chart", "message_chart", "predicted_chart"]

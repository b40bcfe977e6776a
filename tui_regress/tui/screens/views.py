"""Getting about on the main screen: views, axes, the whole screen for one pane, light and dark."""

from textual import on
from textual.widget import Widget
from textual.widgets import Tabs

from tui_regress.tui.screens.stage import VIEWS, Stage
from tui_regress.tui.widgets.form import Field
from tui_regress.tui.widgets.loss_pane import LossPane


class Views(Stage):
    """The actions that change what is seen, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self._view = "loss"

    def action_toggle_log(self) -> None:
        """Logarithmic or linear loss."""
        pane = self.query_one(LossPane)
        pane.log_axis = not pane.log_axis

    def action_toggle_recent(self) -> None:
        """Full or recent history."""
        pane = self.query_one(LossPane)
        pane.recent = not pane.recent

    def action_toggle_predicted(self) -> None:
        """The loss that theory predicts, beside the real one."""
        pane = self.query_one(LossPane)
        pane.predicted = not pane.predicted

    def action_maximize(self) -> None:
        """The pane in use on the whole screen; or back."""
        if self.maximized:
            self.minimize()
        elif (pane := self._pane_in_use()) is not None:
            self.maximize(pane, container=False)

    def _pane_in_use(self) -> Widget | None:
        """The result pane with the focus, else that of the view; None while the settings are in view."""
        for node in self.focused.ancestors_with_self if self.focused else ():
            if isinstance(node, Widget) and node.has_class("result"):
                return node
        view = "loss" if self._view == "setup" and not self.has_class("-narrow") else self._view
        return None if view == "setup" else self.query_one(f"#{view}")

    def action_view(self, view: str) -> None:
        """Go to one of VIEWS: its tab where the terminal is narrow, its pane otherwise."""
        self._view = view
        for name in VIEWS:
            self.set_class(name == view, f"-view-{name}")
        tabs = self.query_one(Tabs)
        with self.prevent(Tabs.TabActivated):
            tabs.active = f"tab-{view}"
        pane = self.query_one("#dataset" if view == "setup" else f"#{view}")
        if pane.focusable:
            pane.focus()
        else:
            first = next((node for node in pane.query("Input, Select, NumberTable") if node.focusable), None)
            self.set_focus(first)

    @on(Tabs.TabActivated)
    def _tab_chosen(self, event: Tabs.TabActivated) -> None:
        if self.has_class("-narrow"):
            self.action_view(str(event.tab.id).removeprefix("tab-"))

    def action_toggle_theme(self) -> None:
        """Light or dark."""
        self.app.theme = "lab-light" if self.app.current_theme.dark else "lab-dark"

    def action_leave_field(self) -> None:
        """One layer back: from a field to the keys."""
        self.set_focus(None)

    def focus_setting(self, key: str) -> None:
        """Put the cursor into the field of the dotted setting ``key``."""
        for field in self.query(Field):
            if field.setting.key == key:
                field.control.focus()

"""Where training runs, and why it cannot run elsewhere."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui_regress.engine.devices import DeviceInfo
from tui_regress.experiment import Experiment
from tui_regress.tui.settings import device_settings
from tui_regress.tui.widgets.form import Form


class DevicePane(Vertical):
    """A choice of devices, and a line for each that cannot be used."""

    def __init__(self) -> None:
        super().__init__(id="device", classes="pane")
        self.border_title = "Device"
        self._devices: tuple[DeviceInfo, ...] | None = None

    def compose(self) -> ComposeResult:
        """The choice, and what can be had."""
        yield Form("", id="device-form")
        yield Static("asking torch …", id="device-list", markup=False)

    async def show(
        self, experiment: Experiment, devices: tuple[DeviceInfo, ...] | None, pending: Mapping[str, Any]
    ) -> None:
        """Show the choice made, and ``devices`` (None: torch has not been asked yet)."""
        usable = tuple(device.name for device in devices or () if device.usable) or ("cpu",)
        await self.query_one(Form).show(experiment, device_settings(usable), pending)
        if devices is not None and devices != self._devices:
            self._devices = devices
            self.query_one("#device-list", Static).update(_listed(devices))


def _listed(devices: tuple[DeviceInfo, ...]) -> Table:
    table = Table.grid(padding=(0, 1))
    for device in devices:
        sign = Text("●", "bold") if device.usable else Text("○", "dim")
        table.add_row(sign, Text(device.name), Text(device.title if device.usable else device.reason, "dim"))
    return table

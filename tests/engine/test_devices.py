import subprocess
import sys
import warnings

import pytest
import torch

from tui_regress.engine.devices import NO_ACCELERATOR, DeviceInfo, list_devices, resolve
from tui_regress.experiment import Device
from tui_regress.problems import ExperimentError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> "Machine":
    """A machine without accelerators, to be furnished."""
    return Machine(monkeypatch)


class Machine:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        monkeypatch.setattr(torch.version, "cuda", None)
        monkeypatch.setattr(torch.version, "hip", None)
        monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)
        self.mps(available=False)
        self.cards()

    def cards(self, *names: str) -> None:
        if names:
            self._patch.setattr(torch.version, "cuda", "13.0")
        self._patch.setattr(torch.cuda, "is_available", lambda: bool(names))
        self._patch.setattr(torch.cuda, "device_count", lambda: len(names))
        self._patch.setattr(torch.cuda, "get_device_name", lambda index: names[index])

    def built_for_cuda(self, warning: str = "") -> None:
        def is_available() -> bool:
            if warning:
                warnings.warn(warning, stacklevel=1)
            return False

        self._patch.setattr(torch.version, "cuda", "13.0")
        self._patch.setattr(torch.cuda, "is_available", is_available)

    def mps(self, *, available: bool) -> None:
        self._patch.setattr(torch.backends.mps, "is_available", lambda: available)


def info(name: str) -> DeviceInfo:
    return next(info for info in list_devices() if info.name == name)


def test_importing_the_devices_does_not_load_torch() -> None:
    code = "import sys, tui_regress.engine.devices; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.usefixtures("machine")
def test_the_cpu_comes_first_and_is_always_usable() -> None:
    first, *others = list_devices()
    assert (first.name, first.usable, first.reason) == ("cpu", True, "")
    assert [(other.name, other.usable) for other in others] == [("cuda:0", False), ("mps", False)]


def test_each_card_is_a_device(machine: Machine) -> None:
    machine.cards("Big Card", "Small Card")
    assert info("cuda:0") == DeviceInfo("cuda:0", "Big Card", usable=True)
    assert info("cuda:1") == DeviceInfo("cuda:1", "Small Card", usable=True)


@pytest.mark.usefixtures("machine")
def test_a_torch_without_cuda_is_the_reason() -> None:
    assert info("cuda:0").reason == "this torch is built without CUDA"


def test_a_missing_driver_is_the_reason(machine: Machine) -> None:
    machine.built_for_cuda()
    assert info("cuda:0").reason == "no NVIDIA driver found, or no card"


def test_what_torch_says_about_the_driver_is_the_reason_and_no_warning(machine: Machine) -> None:
    machine.built_for_cuda(
        "CUDA initialization: The NVIDIA driver is too old (found version 11040). Please update\n\x1b[1m!"
    )
    assert info("cuda:0").reason == "CUDA initialization: The NVIDIA driver is too old (found version 11040)"


def test_a_missing_apple_gpu_is_the_reason(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert info("mps").reason == "no Apple GPU: this torch is built without MPS"
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    assert info("mps").reason == "no Apple GPU"
    machine.mps(available=True)
    assert info("mps").usable


def test_auto_is_the_first_accelerator(machine: Machine) -> None:
    machine.cards("Big Card", "Small Card")
    assert resolve(Device("auto")) == ("cuda:0", "")
    machine.mps(available=True)
    assert resolve(Device("auto")) == ("cuda:0", "")
    machine.cards()
    assert resolve(Device("auto")) == ("mps", "")


@pytest.mark.usefixtures("machine")
def test_auto_without_an_accelerator_is_the_cpu_and_says_so() -> None:
    assert resolve(Device("auto")) == ("cpu", NO_ACCELERATOR)
    assert NO_ACCELERATOR == "No accelerator here: running on the CPU."


def test_auto_does_not_take_an_apple_gpu_for_float64(machine: Machine) -> None:
    machine.mps(available=True)
    assert resolve(Device("auto", "float64")) == ("cpu", "Apple's GPU knows no float64: running on the CPU.")
    machine.cards("Big Card")
    assert resolve(Device("auto", "float64")) == ("cuda:0", "")


@pytest.mark.parametrize("gradient", ["numpy", "statistics", "compiled"])
def test_some_gradients_keep_auto_on_the_cpu(gradient: str, machine: Machine) -> None:
    machine.cards("Big Card")
    assert resolve(Device("auto"), gradient) == ("cpu", f"The gradient {gradient} computes on the CPU.")


def test_the_cpu_needs_no_words(machine: Machine) -> None:
    machine.cards("Big Card")
    assert resolve(Device("cpu")) == ("cpu", "")


def test_a_device_that_is_there_is_taken_and_cuda_is_the_first_card(machine: Machine) -> None:
    machine.cards("Big Card", "Small Card")
    machine.mps(available=True)
    assert resolve(Device("cuda")) == ("cuda:0", "")
    assert resolve(Device("cuda:1")) == ("cuda:1", "")
    assert resolve(Device("mps")) == ("mps", "")


@pytest.mark.parametrize(
    ("cards", "name", "reason"),
    [
        ((), "cuda", "this torch is built without CUDA"),
        ((), "cuda:3", "this torch is built without CUDA"),
        (("A", "B"), "cuda:2", "this machine has cuda:0, cuda:1"),
        ((), "mps", "no Apple GPU: this torch is built without MPS"),
    ],
)
def test_a_device_that_is_not_there_is_an_error_with_its_reason(
    cards: tuple[str, ...], name: str, reason: str, machine: Machine
) -> None:
    machine.cards(*cards)
    with pytest.raises(ExperimentError) as caught:
        resolve(Device(name))
    assert str(caught.value) == f"device.name = '{name}': cannot be used: {reason}. Use auto or cpu."

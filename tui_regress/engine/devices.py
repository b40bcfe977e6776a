"""The devices torch can compute on, and why not. torch is loaded when they are asked for."""

import warnings
from dataclasses import dataclass

from tui_regress.experiment import ON_CPU, Device
from tui_regress.problems import ExperimentError
from tui_regress.text import printable

NO_ACCELERATOR = "No accelerator here: running on the CPU."


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device, or the want of one."""

    name: str
    """As in an experiment: cpu, cuda:0, …, mps."""
    title: str
    """For a person, such as the name of the card."""
    usable: bool
    reason: str = ""
    """Why it cannot be used; empty if it can."""


def list_devices() -> tuple[DeviceInfo, ...]:
    """The cpu, each cuda device, mps: those that can be used, and why the others cannot."""
    import torch

    threads = torch.get_num_threads()
    cpu = DeviceInfo("cpu", f"CPU, {threads} threads" if threads > 1 else "CPU, 1 thread", usable=True)
    return (cpu, *_cuda(), _mps())


def resolve(device: Device, gradient: str = "auto") -> tuple[str, str]:
    """torch's name of the device to use, and a sentence where a person may wonder about it, else "".

    ``gradient`` is the experiment's: some compute on the CPU only. Raises ExperimentError if the device cannot be used.
    """
    if device.name == "cpu":
        return "cpu", ""
    if gradient in ON_CPU:
        return "cpu", f"The gradient {gradient} computes on the CPU."
    found = {info.name: info for info in list_devices()}
    if device.name == "auto":
        return _first_accelerator(found, device.dtype)
    name = "cuda:0" if device.name == "cuda" else device.name
    if name in found and found[name].usable:
        return name, ""
    if name in found:
        reason = found[name].reason
    elif found["cuda:0"].usable:
        reason = "this machine has " + ", ".join(other for other in found if other.startswith("cuda"))
    else:
        reason = found["cuda:0"].reason
    raise ExperimentError("device.name", device.name, f"cannot be used: {reason}. Use auto or cpu.")


def _first_accelerator(found: dict[str, DeviceInfo], dtype: str) -> tuple[str, str]:
    usable = [info.name for info in found.values() if info.usable and info.name != "cpu"]
    if not usable:
        return "cpu", NO_ACCELERATOR
    if usable[0] == "mps" and dtype == "float64":
        return "cpu", "Apple's GPU knows no float64: running on the CPU."
    return usable[0], ""


def _cuda() -> tuple[DeviceInfo, ...]:
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count:
        return tuple(DeviceInfo(f"cuda:{i}", torch.cuda.get_device_name(i), usable=True) for i in range(count))
    if torch.version.cuda is None and torch.version.hip is None:
        reason = "this torch is built without CUDA"
    elif said:
        # torch knows more than "no": an old driver, for instance, and the version it needs.
        reason = printable(str(said[0].message).partition(". ")[0])
    else:
        reason = "no NVIDIA driver found, or no card"
    return (DeviceInfo("cuda:0", "NVIDIA GPU", usable=False, reason=reason),)


def _mps() -> DeviceInfo:
    import torch

    if torch.backends.mps.is_available():
        return DeviceInfo("mps", "Apple GPU", usable=True)
    built = torch.backends.mps.is_built()
    reason = "no Apple GPU" if built else "no Apple GPU: this torch is built without MPS"
    return DeviceInfo("mps", "Apple GPU", usable=False, reason=reason)

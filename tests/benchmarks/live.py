"""What holds for every run on the dashboard."""

from tests.benchmarks.claims import Claim


def live(ours: str, theirs: str, *, share: float = 0.92) -> tuple[Claim, Claim]:
    """The side ``ours``, a dashboard, paints often enough, and is hardly slower than ``theirs``, the run headless."""
    return (
        Claim(ours=ours, theirs=theirs, figure="epochs_per_second", least=share),
        Claim(ours=ours, figure="frames_per_second", least=5.0, unit="/s"),
    )

"""What the service has done, and how busy it is."""

from dataclasses import dataclass
from typing import NamedTuple

from activities.monitoring_ports import WorkflowTotals
from activities.ports import ReadModel
from api.monitoring.load import LoadSampler, SystemLoad


class SystemMetrics(NamedTuple):
    workflows: WorkflowTotals
    load: SystemLoad


@dataclass(frozen=True)
class Metrics:
    """The workflows as the read model lists them, and the last sample of the load."""

    rows: ReadModel
    sampler: LoadSampler

    async def now(self) -> SystemMetrics:
        """Raises Unavailable where the read model is away."""
        return SystemMetrics(await self.rows.totals(), await self.sampler.load())

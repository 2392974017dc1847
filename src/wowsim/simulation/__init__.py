"""The composition root: a simulated Windows with one 32-bit process."""

from wowsim.simulation.answers import Answer
from wowsim.simulation.simulation import RunResult, Simulation
from wowsim.simulation.snapshots import Snapshot
from wowsim.simulation.tracer import Trace

__all__ = ["Answer", "RunResult", "Simulation", "Snapshot", "Trace"]

"""A simulated archive, physically plausible, of any size."""

from gnssice_batch.simulate.files import simulate
from gnssice_batch.simulate.observables import MISSING, OBSERVABLES, Observations, truth
from gnssice_batch.simulate.plan import SimulatedReceiver, SimulationPlan, network

__all__ = [
    "MISSING",
    "OBSERVABLES",
    "Observations",
    "SimulatedReceiver",
    "SimulationPlan",
    "network",
    "simulate",
    "truth",
]

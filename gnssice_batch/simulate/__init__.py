"""A physically plausible archive of RINEX files, of any size, for the demo, the tests and the benchmarks."""

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

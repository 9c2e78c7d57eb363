"""A simulated archive, physically plausible, of any size."""

from gnssice_batch.simulate.files import simulate
from gnssice_batch.simulate.navigation import navigation_text, sky_ephemerides, write_navigation
from gnssice_batch.simulate.observables import MISSING, OBSERVABLES, Observations, truth
from gnssice_batch.simulate.plan import SimulatedReceiver, SimulationPlan, network

__all__ = [
    "MISSING",
    "OBSERVABLES",
    "Observations",
    "SimulatedReceiver",
    "SimulationPlan",
    "navigation_text",
    "network",
    "simulate",
    "sky_ephemerides",
    "truth",
    "write_navigation",
]

"""Where satellites are, from navigation files or SP3; the angles at which a receiver sees them."""

from gnssice_batch.orbits.broadcast import LIMITS_NS, nodes
from gnssice_batch.orbits.ephemerides import Ephemerides, merged
from gnssice_batch.orbits.geometry import angles
from gnssice_batch.orbits.nav import read_nav
from gnssice_batch.orbits.node_table import NODE_SPACING_NS, Nodes, joined
from gnssice_batch.orbits.smoothing import smooth
from gnssice_batch.orbits.sp3 import read_sp3

__all__ = [
    "LIMITS_NS",
    "NODE_SPACING_NS",
    "Ephemerides",
    "Nodes",
    "angles",
    "joined",
    "merged",
    "nodes",
    "read_nav",
    "read_sp3",
    "smooth",
]

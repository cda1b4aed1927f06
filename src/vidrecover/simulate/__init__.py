"""Writes recorder disks with known truth, from the specifications alone.

Stands apart: of vidrecover it imports `errors` only, and shares neither code nor tables with
the readers, so that a mistake in one cannot hide in the other.
"""

from vidrecover.simulate.building import build
from vidrecover.simulate.scenario import Scenario, load, scenarios
from vidrecover.simulate.truth import Truth

__all__ = ["Scenario", "Truth", "build", "load", "scenarios"]

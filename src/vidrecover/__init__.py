"""vidrecover finds, explains and recovers the footage of vehicle and CCTV recorders."""

__version__ = "0.1.0"

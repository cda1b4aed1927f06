"""Repair at codec level: parameter sets lent by other footage, the clock in the picture."""

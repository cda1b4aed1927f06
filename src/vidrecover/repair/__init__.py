"""Repair at codec level."""

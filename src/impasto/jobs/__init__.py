"""Sweeps: grids of tasks over inputs and settings."""

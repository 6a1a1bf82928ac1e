"""Benchmarks: see README.md beside this file for what they promise."""

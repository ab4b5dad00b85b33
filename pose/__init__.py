"""Lightweight top-down human pose estimation with Dynamic ReLU."""

__version__ = "0.1.0"

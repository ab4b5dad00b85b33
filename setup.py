"""Everything is declared in pyproject.toml; this file lets old tools find the project."""

from setuptools import setup

setup()

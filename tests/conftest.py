"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def coco_sample() -> Path:
    """Folder of real COCO images and annotations; tests that need it are skipped where it is not given."""
    folder = os.environ.get("POSE_COCO_SAMPLE")
    if not folder:
        pytest.skip("set POSE_COCO_SAMPLE to a folder with annotations/ and images/ of COCO 2017")
    return Path(folder)

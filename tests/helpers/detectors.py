"""Detectors without their published weights."""

from __future__ import annotations

import re
from typing import Any

import torch

from pose.inference.detector import build_network


def leaning_to_people() -> dict[str, Any]:
    """Weights of the network ssdlite, random, but so that it finds people everywhere."""
    torch.manual_seed(0)
    state = build_network("ssdlite").state_dict()
    for key in state:
        if re.search(r"classification_head.module_list.[45].1.bias", key):  # the coarsest maps
            state[key].view(-1, 91)[:, 1] += torch.linspace(3.5, 5, len(state[key]) // 91)  # by anchor
    return state

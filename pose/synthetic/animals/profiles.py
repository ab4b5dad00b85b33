"""How thick an animal is along its bones: the tables that `pose.synthetic.animals.body` lofts surfaces from."""

from __future__ import annotations

import numpy as np

TRUNK = np.array(  # from rump to chest, half width, half depth, offset up; in depths of the chest
    [
        (0.0, 0.02, 0.02, 0.1),
        (0.02, 0.18, 0.2, 0.09),
        (0.08, 0.30, 0.32, 0.10),
        (0.2, 0.36, 0.41, 0.07),
        (0.35, 0.37, 0.42, 0.05),
        (0.5, 0.39, 0.45, 0.03),
        (0.65, 0.41, 0.49, 0.0),
        (0.8, 0.4, 0.5, -0.02),
        (0.9, 0.36, 0.47, 0.0),
        (0.97, 0.22, 0.33, 0.05),
        (1.0, 0.02, 0.02, 0.06),
    ]
)
SKULL = np.array(  # along the head from its back, half width, half height, offset up; in lengths of the head
    [
        (-0.32, 0.01, 0.01, 0.02),
        (-0.29, 0.13, 0.12, 0.02),
        (-0.15, 0.21, 0.21, 0.03),
        (0.02, 0.23, 0.22, 0.03),
        (0.16, 0.20, 0.19, 0.01),
        (0.27, 0.14, 0.145, -0.04),
        (0.45, 0.115, 0.115, -0.065),
        (0.60, 0.10, 0.09, -0.07),
        (0.66, 0.06, 0.055, -0.065),
        (0.68, 0.01, 0.01, -0.06),
    ]
)
FRONT_LEG = np.array(  # along (0 root, 1 elbow, 2 knee, 3 paw), half width, half depth
    [
        (0, 0.045, 0.09),
        (0.5, 0.058, 0.11),
        (0.9, 0.05, 0.085),
        (1.1, 0.048, 0.065),
        (1.5, 0.04, 0.05),
        (1.9, 0.036, 0.042),
        (2.1, 0.034, 0.038),
        (2.6, 0.028, 0.03),
        (3, 0.032, 0.036),
    ]
)
BACK_LEG = np.array(  # root, knee, hock, paw
    [
        (0, 0.05, 0.11),
        (0.4, 0.065, 0.145),
        (0.85, 0.058, 0.105),
        (1.1, 0.048, 0.08),
        (1.5, 0.042, 0.058),
        (1.85, 0.032, 0.04),
        (2.1, 0.03, 0.04),
        (2.6, 0.026, 0.03),
        (3, 0.03, 0.036),
    ]
)

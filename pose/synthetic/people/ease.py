"""How far clothes, shoes and hair lift the surface off the body."""

from __future__ import annotations

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.clothes import Clothes, along_arm, along_leg
from pose.synthetic.people.template import PARTS, template
from pose.synthetic.render.face import hair_mask, on_head
from pose.synthetic.render.surface import below_collar


def ease(wear: Clothes) -> Array:
    """Compute how far each vertex of the template is lifted: (V,) float32 meters of a 1.75 m body."""
    t = template()
    x, y, z = t.vertices.T
    head, arm, foot = (t.vertex_part == PARTS.index(part) for part in ("head", "arm", "foot"))
    trunk = (t.vertex_part == PARTS.index("trunk")) | (t.vertex_part == PARTS.index("leg"))
    phase = wear.materials["top"].phase
    lifted = np.zeros(len(x), np.float32)
    lifted[arm] = (0.6 * wear.loose * _flared(along_arm(x), wear.sleeve))[arm]
    lifted[trunk] = _around_trunk(wear, t.vertices)[trunk]
    waves = np.sin(31 * y + 17 * z + phase) + np.sin(23 * x - 19 * y + 2 * phase) + np.sin(41 * z + 29 * x + phase)
    lifted *= np.clip(1 + 0.25 * waves, 0.1, None)
    lifted[arm | trunk] += wear.flesh
    lifted[foot] = wear.sole
    q = on_head(t.vertices[head])
    curls = 1 + wear.curls * np.sin(7.5 * q[:, 0] + phase) * np.sin(6.9 * q[:, 1]) * np.sin(6.2 * q[:, 2])
    look = wear.materials["head"]
    lifted[head] = hair_mask(q, look.scale, look.phase, look.ragged) * (0.1 * wear.volume * curls + wear.hat_lift)
    return lifted


def _ramp(value: Array, low: float, high: float) -> Array:
    """Rise from 0 at `low` to 1 at `high`, or fall where low is higher."""
    result: Array = np.clip((value - low) / (high - low), 0, 1)
    return result


def _flared(along: Array, end: float) -> Array:
    """Let a sleeve or trouser leg that ends at `end` stand off more towards its end, and not at all beyond it."""
    return (0.5 + np.clip(along / max(end, 0.3), 0, 1)) * _ramp(along, end, end - 0.1)


def _around_trunk(wear: Clothes, vertices: Array) -> Array:
    """Compute the lift (V,) of the top, which hangs from the chest over the belt, and of trousers below its hem."""
    y = vertices[:, 1]
    hanging = wear.loose * (1 + 1.2 * _ramp(y, 0.2, -0.05)) * (0.4 + 0.6 * _ramp(y, 0.5, 0.42))
    covers = _ramp(y, wear.hem, wear.hem + 0.03)
    trousers = np.zeros_like(y) if wear.skirt else wear.wide * _flared(along_leg(y), wear.leg)
    cloth: Array = np.maximum(hanging * covers, trousers * (1 - covers))
    return cloth * _ramp(below_collar(vertices), wear.collar, wear.collar - 0.02)

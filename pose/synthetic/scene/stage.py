"""A lit scene: figures and things before their backdrop."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.levels import Level
from pose.synthetic.render.mesh import Mesh
from pose.synthetic.render.rasterize import ShadowMap
from pose.synthetic.render.shade import Camera, Layer, render
from pose.synthetic.render.surface import Material
from pose.synthetic.scene.backdrop import backdrop
from pose.synthetic.scene.objects import random_light


def light_scene(
    rng: np.random.Generator,
    level: Level,
    mesh: Mesh,
    materials: Sequence[Material],
    *,
    camera: Camera,
    feet: Array,
    outdoor: bool,
    wall: float,
) -> tuple[Layer, Array]:
    """Draw a light and a backdrop at random, and render a mesh before it.

    Args:
        feet: (N, 3) points near which the ground is darker.
        wall: meters from the origin back to the wall.
    Returns:
        The rendered mesh, and the backdrop with its shadows, (H, W, 3) linear RGB.
    """
    light = random_light(rng, contrast=level.contrast, outdoor=outdoor)
    shadows = ShadowMap(mesh, light.direction)
    layer = render(mesh, materials, camera=camera, light=light, shadows=shadows)
    behind = backdrop(
        rng,
        camera=camera,
        light=light,
        shadows=shadows,
        feet=feet,
        outdoor=outdoor,
        clutter=float(rng.uniform(*level.clutter)),
        distance=wall,
        variety=level.variety,
        details=level.details,
    )
    return layer, behind


def compose(layer: Layer, behind: Array, *, soft: float = 0.0) -> Array:
    """Lay a rendered mesh over its backdrop: (H, W, 3) linear RGB.

    Args:
        soft: blur of a backdrop that is out of focus, in pixels.
    """
    if soft > 0.3:
        behind = cv2.GaussianBlur(behind, (0, 0), soft)
    image: Array = behind * (1 - layer.alpha) + layer.color
    return image

"""Ground, wall and sky behind generated figures, in the camera's perspective."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.levels import chance
from pose.synthetic.render.dead_leaves import leaves
from pose.synthetic.render.frames import rotation
from pose.synthetic.render.mesh import transform
from pose.synthetic.render.rasterize import ShadowMap
from pose.synthetic.render.shade import Camera, Light
from pose.synthetic.render.surface import noise_tile
from pose.synthetic.scene.details import add_details
from pose.synthetic.scene.places import view
from pose.synthetic.scene.wall import WALL_PX, WALL_SIZE_M, paint_wall

GROUNDS = {  # sRGB and the strength of the noise on it
    "grass": ((116, 124, 86), 0.32),
    "asphalt": ((104, 104, 106), 0.18),
    "planks": ((150, 112, 76), 0.16),
    "tiles": ((186, 180, 170), 0.08),
    "carpet": ((120, 96, 92), 0.14),
    "sand": ((196, 176, 140), 0.14),
    "concrete": ((150, 148, 142), 0.12),
    "snow": ((226, 230, 236), 0.06),
}
OUTDOOR_GROUNDS = ("grass", "grass", "asphalt", "sand", "concrete", "tiles", "snow")
INDOOR_GROUNDS = ("planks", "planks", "tiles", "carpet", "concrete")
GROUND_PX = 128  # pixels a meter of the ground's tile
FAR = np.float32(100)  # meters

_TO_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)


@dataclass(frozen=True)
class _Seen:
    """Where the rays of an empty scene's pixels end; N = H x W.

    Attributes:
        rays: (N, 3) directions.
        points: (N, 3) where they end, meters.
        distance: (N,) how far they go, in lengths of the ray.
        floor: (H, W) bool, whether that is on the ground.
        normal: (3,) of the wall.
        tilt: radians, by which the wall is turned about the vertical.
    """

    rays: Array
    points: Array
    distance: Array
    floor: Array
    normal: Array
    tilt: float


def backdrop(
    rng: np.random.Generator,
    *,
    camera: Camera,
    light: Light,
    shadows: ShadowMap,
    feet: Array,
    outdoor: bool,
    clutter: float,
    distance: float,
    variety: float,
    details: float,
) -> Array:
    """Draw ground, wall and sky, lit and with the shadows that fall on them.

    Args:
        feet: (N, 3) points near which the ground is darker.
        clutter: 0 plain .. 1 busy.
        distance: meters from the origin back to the wall.
        details: as in `Level`.
        variety: chance that the wall or the ground shows dead leaves instead, or all of it these or a real place.
    Returns:
        (H, W, 3) float32 linear RGB.
    """
    height, width = camera.size
    for share, draw in ((0.35, _leaves), (0.55, view)):
        if chance(rng, share * variety):
            bright = (light.key + light.sky) * np.float32(rng.uniform(0.3, 1.2))
            return _TO_LINEAR[add_details(rng, draw(rng, camera.size), details * clutter)] * bright
    seen = _look(camera, distance=distance, tilt=np.radians(rng.uniform(-25, 25)))
    noise = noise_tile(rng)
    ground = _ground(rng, str(rng.choice(OUTDOOR_GROUNDS if outdoor else INDOOR_GROUNDS)), noise)
    if chance(rng, variety):
        ground = _leaves(rng, (256, 256)).astype(np.float32)
    image = _lay_ground(rng, ground, seen)
    wall, mask = paint_wall(rng, noise, outdoor=outdoor, clutter=clutter)
    if chance(rng, variety):
        wall, mask = _leaves(rng, mask.shape), np.full_like(mask, 255)
    xw, yw = _places_on_wall(rng, seen)
    painted = cv2.remap(wall, xw, yw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    np.copyto(image, painted, where=~seen.floor[..., None])
    result = _TO_LINEAR[add_details(rng, cv2.convertScaleAbs(image), details * clutter)]
    shade = _shade(seen, light=light, shadows=shadows, feet=feet)
    result *= cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)
    if outdoor:
        opaque = cv2.remap(mask, xw, yw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        show = np.where(seen.floor, 0, 1 - opaque / np.float32(255))[..., None]
        result += (_sky(rng, noise, seen.rays.reshape(height, width, 3)) - result) * show
    return result


def _look(camera: Camera, *, distance: float, tilt: float) -> _Seen:
    """Follow each pixel's ray to the ground or the wall."""
    height, width = camera.size
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    rays = camera.rays(np.stack([xx.ravel(), yy.ravel()], 1))
    normal = np.array([np.sin(tilt), 0, np.cos(tilt)], np.float32)
    eye = camera.position.astype(np.float32)
    to_wall = np.float32((np.array([0, 0, -distance]) - eye) @ normal) / np.minimum(
        transform(rays, normal[None])[:, 0], np.float32(-1e-3)
    )
    to_ground = -eye[1] / np.minimum(rays[:, 1], np.float32(-1e-3))
    t = np.minimum(np.minimum(to_wall, to_ground), FAR)
    floor = (to_ground <= to_wall).reshape(height, width)
    return _Seen(rays, eye + rays * t[:, None], t, floor, normal, tilt)


def _ground(rng: np.random.Generator, name: str, noise: Array) -> Array:
    """Make a tile of ground: (256, 256, 3) float32 sRGB 0..255 of two by two meters."""
    color, strength = GROUNDS[name]
    base = np.clip(np.array(color) * rng.uniform(0.7, 1.15) + rng.normal(0, 7, 3), 15, 245).astype(np.float32)
    tile = base * (1 + strength * np.clip(noise, -2, 2) * 0.6)[..., None]
    if name == "planks":
        for i, top in enumerate(range(0, 256, 32)):
            tile[top : top + 32] *= rng.uniform(0.85, 1.1)
            tile[top] *= 0.6
            tile[top : top + 32, int(rng.integers(256)) if i % 2 else 128] *= 0.65
    elif name == "tiles":
        step = int(rng.choice([32, 64, 128]))
        tile[::step] *= 0.72
        tile[:, ::step] *= 0.72
        if rng.random() < 0.3:
            odd = (np.arange(256) // step % 2)[:, None] ^ (np.arange(256) // step % 2)[None]
            tile *= np.where(odd, 0.7, 1.0)[..., None]
    return tile.astype(np.float32)


def _lay_ground(rng: np.random.Generator, tile: Array, seen: _Seen) -> Array:
    """Lay the tile over the ground, turned at random; it fades to its mean far away: (H, W, 3) float32 sRGB."""
    height, width = seen.floor.shape
    spin = rotation("y", float(rng.uniform(-90, 90)))[[0, 2]].astype(np.float32) * GROUND_PX
    uv = transform(seen.points, spin).reshape(height, width, 2)
    image: Array = cv2.remap(tile, uv[..., 0], uv[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    fade = np.exp(seen.distance * np.float32(-1 / 14)).reshape(height, width, 1)
    mean = tile.mean((0, 1))
    faded: Array = mean + (image - mean) * fade
    return faded


def _places_on_wall(rng: np.random.Generator, seen: _Seen) -> tuple[Array, Array]:
    """Find where on the painted wall each pixel looks, the wall shifted at random: x and y (H, W) in its pixels."""
    across = np.array([np.cos(seen.tilt), 0, -np.sin(seen.tilt)], np.float32)
    shift = float(rng.uniform(0, WALL_SIZE_M[1]))
    x = ((transform(seen.points, across[None]) + np.float32(shift)) * WALL_PX).reshape(seen.floor.shape)
    y = np.maximum((WALL_SIZE_M[0] - seen.points[:, 1]) * WALL_PX, 1).reshape(seen.floor.shape)
    return x, y


def _shade(seen: _Seen, *, light: Light, shadows: ShadowMap, feet: Array) -> Array:
    """Compute the light on ground and wall at half the resolution, since it changes slowly: (H / 2, W / 2, 3)."""
    height, width = seen.floor.shape
    points = np.ascontiguousarray(seen.points.reshape(height, width, 3)[::2, ::2]).reshape(-1, 3)
    up = np.array([0, 1, 0], np.float32)
    shade = light.on(np.where(seen.floor[::2, ::2].reshape(-1, 1), up, seen.normal), shadows.lit(points))
    near = np.zeros(len(points), np.float32)
    for foot in feet.astype(np.float32):
        d = points - foot
        near += np.exp(np.einsum("ij,ij->i", d, d) * np.float32(-1 / 0.03))
    shade *= (1 - np.float32(0.45) * np.minimum(near, 1))[:, None]
    return shade.reshape((height + 1) // 2, (width + 1) // 2, 3)


def _sky(rng: np.random.Generator, noise: Array, rays: Array) -> Array:
    """Draw the sky seen along rays (H, W, 3), from overcast to blue, with clouds: linear RGB."""
    height, width = rays.shape[:2]
    up = np.clip(rays[..., 1] / np.sqrt(np.einsum("hwc,hwc->hw", rays, rays)), 0, 1)[..., None]
    blue = rng.uniform(0, 1)
    sky = np.array([0.55 - 0.2 * blue, 0.62 - 0.1 * blue, 0.72 + 0.1 * blue]) * rng.uniform(0.8, 1.5)
    zenith = sky * np.array([1 - 0.55 * blue, 1 - 0.35 * blue, 1.0])
    clouds: Array = cv2.GaussianBlur(noise[:96, :48], (0, 0), 1.5) * rng.uniform(0, 0.16)
    clouds = cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    color = sky.astype(np.float32) + (zenith - sky).astype(np.float32) * np.minimum(up * 2, 1) + clouds
    return np.clip(color, 0.05, 1.5)


def _leaves(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    count, smallest = int(np.exp(rng.uniform(2.5, 6.2))), float(np.exp(rng.uniform(0.5, 2.5)))
    return leaves(rng, size, count=count, smallest=smallest)

"""Ground, wall and sky behind generated people, in the camera's perspective."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.levels import chance
from pose.synthetic.people.bones import rotation
from pose.synthetic.people.clothes import SKIN
from pose.synthetic.render.mesh import transform
from pose.synthetic.render.rasterize import ShadowMap
from pose.synthetic.render.shade import Camera, Light
from pose.synthetic.render.surface import noise_tile
from pose.synthetic.scene.dead_leaves import leaves

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
WALL_SIZE_M = (14.0, 7.0)  # width, height of the painted wall
WALL_PX = 40  # pixels a metre on it
FAR = np.float32(100)  # metres


def _ground(rng: np.random.Generator, name: str, noise: Array) -> Array:
    """(256, 256, 3) float32 sRGB 0..255 of two by two metres."""
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


def _shade_of(rng: np.random.Generator, low: float = 20, high: float = 235) -> tuple[float, ...]:
    gray, spread = rng.uniform(low, high), 26 if rng.random() < 0.25 else 10
    return tuple(float(v) for v in np.clip(gray + rng.normal(0, spread, 3), 5, 250))


def _wall(rng: np.random.Generator, noise: Array, *, outdoor: bool, clutter: float) -> tuple[Array, Array]:
    """The painted wall behind the scene: sRGB (H, W, 3) uint8, and (H, W) uint8 that is 0 where the sky shows."""
    width, height = (int(v * WALL_PX) for v in WALL_SIZE_M)
    canvas: Array = np.empty((height, width, 3), np.uint8)
    mask: Array = np.full((height, width), 255, np.uint8)
    canvas[:] = _shade_of(rng, 90, 225)

    def items(most: float) -> int:
        return int(rng.poisson(most * clutter))

    def at(low: float, high: float) -> int:
        return int(rng.uniform(low, high) * WALL_PX)

    if outdoor:
        mask[:] = 0
        line = height - at(0.2, 1.6)
        xs = np.linspace(0, width, 14)
        hills = line + rng.normal(0, 10, 14)
        poly = np.concatenate([np.stack([xs, hills], 1), [[width, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(canvas, [poly], _shade_of(rng, 60, 130))
        cv2.fillPoly(mask, [poly], 255)
        for _ in range(2 + items(6)):
            x, w = at(-1, 14), at(0.8, 4)
            if rng.random() < 0.5:  # a house
                top = height - at(1.5, 7)
                cv2.rectangle(canvas, (x, top), (x + w, height), _shade_of(rng, 80, 210), -1)
                cv2.rectangle(mask, (x, top), (x + w, height), 255, -1)
                pane, glass = at(0.25, 0.5), _shade_of(rng, 30, 150)
                for wx in range(x + pane, x + w - pane, 2 * pane):
                    for wy in range(top + pane, height - pane, int(2.6 * pane)):
                        cv2.rectangle(canvas, (wx, wy), (wx + pane, wy + int(1.4 * pane)), glass, -1)
            else:  # a tree
                green = np.array([rng.uniform(30, 90), rng.uniform(60, 120), rng.uniform(20, 60)])
                top = height - at(1.6, 4.5)
                cv2.line(canvas, (x, height), (x, top), (60, 48, 38), at(0.12, 0.35))
                cv2.line(mask, (x, height), (x, top), 255, at(0.12, 0.35))
                for _ in range(14):
                    spot = (x + int(rng.normal(0, w / 5)), top + int(rng.normal(0, w / 5)))
                    radius = int(rng.uniform(0.08, 0.22) * w) + 3
                    tint = tuple(float(v) for v in np.clip(green * rng.uniform(0.6, 1.4), 0, 255))
                    cv2.circle(canvas, spot, radius, tint, -1)
                    cv2.circle(mask, spot, radius, 255, -1)
    else:
        if rng.random() < 0.4:
            cv2.rectangle(canvas, (0, height - at(0.6, 1.3)), (width, height), _shade_of(rng), -1)
        if rng.random() < 0.6:
            cv2.rectangle(canvas, (0, height - at(0.06, 0.15)), (width, height), _shade_of(rng), -1)
        if rng.random() < 0.15:
            for x in range(0, width, at(0.1, 0.5) + 2):
                cv2.line(canvas, (x, 0), (x, height), _shade_of(rng, 120, 180), 2)
        for _ in range(items(9)):
            x, y = at(0, 14), height - at(0.0, 3.0)
            w, h = at(0.3, 1.8), at(0.3, 2.0)
            kind = rng.integers(4)
            cv2.rectangle(canvas, (x, y - h), (x + w, y), _shade_of(rng), -1)
            if kind == 0:  # a window or picture
                cv2.rectangle(canvas, (x + 4, y - h + 4), (x + w - 4, y - 4), _shade_of(rng, 120, 250), -1)
                cv2.line(canvas, (x + w // 2, y - h), (x + w // 2, y), _shade_of(rng), 2)
            elif kind == 1:  # a shelf
                for sy in range(y - h + 3, y - 12, 16):
                    for sx in range(x + 2, x + w - 6, 5):
                        cv2.rectangle(canvas, (sx, sy + int(rng.integers(6))), (sx + 4, sy + 13), _shade_of(rng), -1)
            elif kind == 2:  # a poster
                for _ in range(5):
                    spot = (x + int(rng.integers(max(w, 1))), y - int(rng.integers(max(h, 1))))
                    axes = (int(rng.integers(3, 25)), int(rng.integers(3, 25)))
                    cv2.ellipse(canvas, spot, axes, float(rng.uniform(0, 180)), 0, 360, _shade_of(rng), -1)
    for _ in range(items(2 if outdoor else 5)):  # limb-like streaks
        a = np.array([at(0, 14), height - at(0, 1 if outdoor else 3)])
        b = a + rng.normal(0, 22, 2).astype(int)
        tint = SKIN[rng.integers(len(SKIN))] if rng.random() < 0.4 else _shade_of(rng)
        for p, q, thick in ((a, b, 9), (b, b + rng.normal(0, 20, 2).astype(int), 6)):
            cv2.line(canvas, tuple(map(int, p)), tuple(map(int, q)), tint, thick)
            cv2.line(mask, tuple(map(int, p)), tuple(map(int, q)), 255, thick)
    grain = (np.tile(noise, (2, 3))[:height, :width] * rng.uniform(2, 9)).astype(np.int16)
    canvas, mask = cv2.blur(canvas, (3, 3)), cv2.blur(mask, (3, 3))  # softens the steps of the drawing
    return cv2.add(canvas, cv2.merge([grain, grain, grain]), dtype=cv2.CV_8U), mask


def _leaves(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    count, smallest = int(np.exp(rng.uniform(2.5, 6.2))), float(np.exp(rng.uniform(0.5, 2.5)))
    return leaves(rng, size, count=count, smallest=smallest)


_TO_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)


def feet_on_ground(keypoints: Sequence[Array]) -> Array:
    """(F, 3) places below the ankles that are near the ground, for `backdrop`; a far one if there is none.

    Args:
        keypoints: (17, 3) of each person, metres.
    """
    near = [k[i] * (1, 0, 1) for k in keypoints for i in (15, 16) if k[i, 1] < 0.3]
    return np.stack(near or [np.full(3, 99.0)])


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
) -> Array:
    """Ground, wall and sky, lit and with the shadows that fall on them.

    Args:
        feet: (N, 3) points near which the ground is darker.
        clutter: 0 plain .. 1 busy.
        distance: metres from the origin back to the wall.
        variety: chance that the wall, the ground, or all of it shows dead leaves instead.
    Returns:
        (H, W, 3) float32 linear RGB.
    """
    height, width = camera.size
    if chance(rng, 0.7 * variety):
        bright = (light.key + light.sky) * np.float32(rng.uniform(0.3, 1.2))
        return _TO_LINEAR[_leaves(rng, camera.size)] * bright
    yy, xx = np.mgrid[:height, :width].astype(np.float32)
    rays = camera.rays(np.stack([xx.ravel(), yy.ravel()], 1))
    tilt = np.radians(rng.uniform(-25, 25))
    normal = np.array([np.sin(tilt), 0, np.cos(tilt)], np.float32)
    eye = camera.position.astype(np.float32)
    to_wall = np.float32((np.array([0, 0, -distance]) - eye) @ normal) / np.minimum(
        transform(rays, normal[None])[:, 0], np.float32(-1e-3)
    )
    to_ground = -eye[1] / np.minimum(rays[:, 1], np.float32(-1e-3))
    t = np.minimum(np.minimum(to_wall, to_ground), FAR)
    points = eye + rays * t[:, None]
    floor = (to_ground <= to_wall).reshape(height, width)

    noise = noise_tile(rng)
    ground = _ground(rng, str(rng.choice(OUTDOOR_GROUNDS if outdoor else INDOOR_GROUNDS)), noise)
    if chance(rng, variety):
        ground = _leaves(rng, (256, 256)).astype(np.float32)
    spin = rotation("y", float(rng.uniform(-90, 90)))[[0, 2]].astype(np.float32) * 128
    uv = transform(points, spin).reshape(height, width, 2)
    picture: Array = cv2.remap(ground, uv[..., 0], uv[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    fade = np.exp(t * np.float32(-1 / 14)).reshape(height, width, 1)
    mean = ground.mean((0, 1))
    picture = mean + (picture - mean) * fade

    wall, mask = _wall(rng, noise, outdoor=outdoor, clutter=clutter)
    if chance(rng, variety):
        wall, mask = _leaves(rng, mask.shape), np.full_like(mask, 255)
    across = np.array([np.cos(tilt), 0, -np.sin(tilt)], np.float32)
    shift = float(rng.uniform(0, WALL_SIZE_M[0]))
    xw = ((transform(points, across[None]) + np.float32(shift)) * WALL_PX).reshape(height, width)
    yw = np.maximum((WALL_SIZE_M[1] - points[:, 1]) * WALL_PX, 1).reshape(height, width)
    painted = cv2.remap(wall, xw, yw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    np.copyto(picture, painted, where=~floor[..., None])
    result = _TO_LINEAR[cv2.convertScaleAbs(picture)]

    # Light changes slowly: at half the resolution.
    points = np.ascontiguousarray(points.reshape(height, width, 3)[::2, ::2]).reshape(-1, 3)
    up = np.array([0, 1, 0], np.float32)
    shade = light.on(np.where(floor[::2, ::2].reshape(-1, 1), up, normal), shadows.lit(points))
    near = np.zeros(len(points), np.float32)
    for foot in feet.astype(np.float32):
        d = points - foot
        near += np.exp(np.einsum("ij,ij->i", d, d) * np.float32(-1 / 0.03))
    shade *= (1 - np.float32(0.45) * np.minimum(near, 1))[:, None]
    shade = shade.reshape((height + 1) // 2, (width + 1) // 2, 3)
    result *= cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)
    if outdoor:
        opaque = cv2.remap(mask, xw, yw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        show = np.where(floor, 0, 1 - opaque / np.float32(255))[..., None]
        result += (_sky(rng, noise, rays.reshape(height, width, 3)) - result) * show
    return result


def _sky(rng: np.random.Generator, noise: Array, rays: Array) -> Array:
    """Linear RGB of the sky seen along rays (H, W, 3): from overcast to blue, with clouds."""
    height, width = rays.shape[:2]
    up = np.clip(rays[..., 1] / np.sqrt(np.einsum("hwc,hwc->hw", rays, rays)), 0, 1)[..., None]
    blue = rng.uniform(0, 1)
    sky = np.array([0.55 - 0.2 * blue, 0.62 - 0.1 * blue, 0.72 + 0.1 * blue]) * rng.uniform(0.8, 1.5)
    zenith = sky * np.array([1 - 0.55 * blue, 1 - 0.35 * blue, 1.0])
    clouds: Array = cv2.GaussianBlur(noise[:96, :48], (0, 0), 1.5) * rng.uniform(0, 0.16)
    clouds = cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    color = sky.astype(np.float32) + (zenith - sky).astype(np.float32) * np.minimum(up * 2, 1) + clouds
    return np.clip(color, 0.05, 1.5)

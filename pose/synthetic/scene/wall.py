"""What is painted on the wall behind a scene: hills, houses and trees outdoors; furniture and posters indoors."""

from __future__ import annotations

import cv2
import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.render.colors import SKIN

WALL_SIZE_M = (7.0, 14.0)  # height, width
WALL_PX = 40  # pixels a meter


def paint_wall(rng: np.random.Generator, noise: Array, *, outdoor: bool, clutter: float) -> tuple[Array, Array]:
    """Paint a wall at random.

    Args:
        noise: (256, 256) the grain of the paint.
        clutter: 0 plain .. 1 busy.
    Returns:
        canvas: (H, W, 3) uint8 sRGB.
        mask: (H, W) uint8 that is 0 where the sky shows.
    """
    wall = _Wall(rng, clutter)
    if outdoor:
        wall.paint_outdoors()
    else:
        wall.paint_indoors()
    wall.paint_streaks(outdoor=outdoor)
    grain = (np.tile(noise, (2, 3))[: wall.height, : wall.width] * rng.uniform(2, 9)).astype(np.int16)
    canvas, mask = cv2.blur(wall.canvas, (3, 3)), cv2.blur(wall.mask, (3, 3))  # softens the steps of the drawing
    return cv2.add(canvas, cv2.merge([grain, grain, grain]), dtype=cv2.CV_8U), mask


class _Wall:
    """A canvas and its mask, with the shapes to paint on them. The order of calls is what a seed means."""

    def __init__(self, rng: np.random.Generator, clutter: float) -> None:
        self.rng, self.clutter = rng, clutter
        self.height, self.width = (int(v * WALL_PX) for v in WALL_SIZE_M)
        self.canvas: Array = np.empty((self.height, self.width, 3), np.uint8)
        self.mask: Array = np.full((self.height, self.width), 255, np.uint8)
        self.canvas[:] = self.shade(90, 225)

    def items(self, mean: float) -> int:
        return int(self.rng.poisson(mean * self.clutter))

    def length(self, low: float, high: float) -> int:
        """Draw a length between two in meters: pixels."""
        return int(self.rng.uniform(low, high) * WALL_PX)

    def shade(self, low: float = 20, high: float = 235) -> tuple[float, ...]:
        """Draw a gray with a tint, sRGB."""
        gray, spread = self.rng.uniform(low, high), 26 if self.rng.random() < 0.25 else 10
        return tuple(float(v) for v in np.clip(gray + self.rng.normal(0, spread, 3), 5, 250))

    def paint_outdoors(self) -> None:
        self.mask[:] = 0
        self.hills()
        for _ in range(2 + self.items(6)):
            x, w = self.length(-1, 14), self.length(0.8, 4)
            if self.rng.random() < 0.5:
                self.house(x, w)
            else:
                self.tree(x, w)

    def hills(self) -> None:
        line = self.height - self.length(0.2, 1.6)
        xs = np.linspace(0, self.width, 14)
        tops = line + self.rng.normal(0, 10, 14)
        corners = [[self.width, self.height], [0, self.height]]
        outline = np.concatenate([np.stack([xs, tops], 1), corners]).astype(np.int32)
        cv2.fillPoly(self.canvas, [outline], self.shade(60, 130))
        cv2.fillPoly(self.mask, [outline], 255)

    def house(self, x: int, w: int) -> None:
        """Paint a house from x on, w wide."""
        top = self.height - self.length(1.5, 7)
        cv2.rectangle(self.canvas, (x, top), (x + w, self.height), self.shade(80, 210), -1)
        cv2.rectangle(self.mask, (x, top), (x + w, self.height), 255, -1)
        pane, glass = self.length(0.25, 0.5), self.shade(30, 150)
        for wx in range(x + pane, x + w - pane, 2 * pane):
            for wy in range(top + pane, self.height - pane, int(2.6 * pane)):
                cv2.rectangle(self.canvas, (wx, wy), (wx + pane, wy + int(1.4 * pane)), glass, -1)

    def tree(self, x: int, w: int) -> None:
        """Paint a tree at x, its crown about w wide."""
        rng = self.rng
        green = np.array([rng.uniform(30, 90), rng.uniform(60, 120), rng.uniform(20, 60)])
        top = self.height - self.length(1.6, 4.5)
        cv2.line(self.canvas, (x, self.height), (x, top), (60, 48, 38), self.length(0.12, 0.35))
        cv2.line(self.mask, (x, self.height), (x, top), 255, self.length(0.12, 0.35))
        for _ in range(14):
            spot = (x + int(rng.normal(0, w / 5)), top + int(rng.normal(0, w / 5)))
            radius = int(rng.uniform(0.08, 0.22) * w) + 3
            tint = tuple(float(v) for v in np.clip(green * rng.uniform(0.6, 1.4), 0, 255))
            cv2.circle(self.canvas, spot, radius, tint, -1)
            cv2.circle(self.mask, spot, radius, 255, -1)

    def paint_indoors(self) -> None:
        if self.rng.random() < 0.4:
            self.board(0.6, 1.3)
        if self.rng.random() < 0.6:
            self.board(0.06, 0.15)
        if self.rng.random() < 0.15:  # striped wallpaper
            for x in range(0, self.width, self.length(0.1, 0.5) + 2):
                cv2.line(self.canvas, (x, 0), (x, self.height), self.shade(120, 180), 2)
        for _ in range(self.items(9)):
            self.fitting()

    def board(self, low: float, high: float) -> None:
        """Paint a panel or skirting board along the floor, between `low` and `high` meters high."""
        top = self.height - self.length(low, high)
        cv2.rectangle(self.canvas, (0, top), (self.width, self.height), self.shade(), -1)

    def fitting(self) -> None:
        """Paint a window, a shelf, a poster, or a plain panel."""
        rng, canvas = self.rng, self.canvas
        x, y = self.length(0, 14), self.height - self.length(0.0, 3.0)
        w, h = self.length(0.3, 1.8), self.length(0.3, 2.0)
        kind = rng.integers(4)
        cv2.rectangle(canvas, (x, y - h), (x + w, y), self.shade(), -1)
        if kind == 0:  # a window or a picture
            cv2.rectangle(canvas, (x + 4, y - h + 4), (x + w - 4, y - 4), self.shade(120, 250), -1)
            cv2.line(canvas, (x + w // 2, y - h), (x + w // 2, y), self.shade(), 2)
        elif kind == 1:  # a shelf
            for sy in range(y - h + 3, y - 12, 16):
                for sx in range(x + 2, x + w - 6, 5):
                    cv2.rectangle(canvas, (sx, sy + int(rng.integers(6))), (sx + 4, sy + 13), self.shade(), -1)
        elif kind == 2:  # a poster
            for _ in range(5):
                spot = (x + int(rng.integers(max(w, 1))), y - int(rng.integers(max(h, 1))))
                axes = (int(rng.integers(3, 25)), int(rng.integers(3, 25)))
                cv2.ellipse(canvas, spot, axes, float(rng.uniform(0, 180)), 0, 360, self.shade(), -1)

    def paint_streaks(self, *, outdoor: bool) -> None:
        """Paint streaks of two bones, which look like limbs to a careless network."""
        rng = self.rng
        for _ in range(self.items(2 if outdoor else 5)):
            a = np.array([self.length(0, 14), self.height - self.length(0, 1 if outdoor else 3)])
            b = a + rng.normal(0, 22, 2).astype(int)
            tint = SKIN[rng.integers(len(SKIN))] if rng.random() < 0.4 else self.shade()
            for p, q, thick in ((a, b, 9), (b, b + rng.normal(0, 20, 2).astype(int), 6)):
                cv2.line(self.canvas, tuple(map(int, p)), tuple(map(int, q)), tint, thick)
                cv2.line(self.mask, tuple(map(int, p)), tuple(map(int, q)), 255, thick)

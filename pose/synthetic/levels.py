"""The levels of difficulty of generated people, as one table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Level:
    """How hard the images are; pairs are (low, high) of a uniform draw, chances are 0..1.

    Attributes:
        people: relative frequency of 1, 2, ... people.
        near: chance that a further person stands close to another one instead of anywhere.
        postures: relative frequency by kind.
        views: relative frequency of people seen from the front, the side and the back.
        turn: how far from straight on those seen from front or back stand, degrees.
        head_turn: standard deviation of the head's turn against the chest, degrees.
        gaze: share of the head's forward bend against the ground that people take back, to look ahead.
        arms: what the arms of calm people do, a key of `pose.synthetic.people.limbs.ARMS`.
        person_height: of the main person standing, in pixels; half as much again when cut.
        cut: chance that the image's border cuts the main person.
        eye_height: of the camera, meters. roll: deviation of its tilt, degrees.
        things_before, things_behind: mean number of objects that may hide people, and that stand behind them.
        screens: chance that something wide stands before a person, from the ground up to the knees, hips or chest.
        held: chance that a person holds something.
        clutter: of the backdrop, 0 plain to 1 busy.
        contrast: distant light against the light from all around.
        exposure: mean brightness of the image, linear 0..1.
        details: mean number of small sharp things on the backdrop, at clutter 1.
        gamma: of the tone curve; above 1 dark parts are darker.
        sharp: strength of the camera's sharpening.
        noise, blur: of the sensor, 8-bit steps; and of the lens, pixels.
        cast: deviation of the factors on red, green and blue, where the camera mistakes the light's color.
        defocus: chance that people and things lie out of focus but for one distance.
        pale: how far colors are drawn to gray; below 0 they are stronger than in the scene.
        variety: chance that each garment, thing and backdrop is drawn from a wider range than real ones: any color,
            prints, creases, helmets, bags, tables, poles, and images that show nothing (domain randomization).
        close: chance that a cut person fills the image, from the waist or the chest up.
        size: of the images against the other levels'.
        only_visible: whether only what can be seen is annotated, as in COCO: boxes around it, and no keypoints that
            something or somebody else hides, nor faces from behind.
    """

    name: str
    people: tuple[float, ...]
    near: float
    postures: dict[str, float]
    views: tuple[float, float, float]
    turn: float
    head_turn: float
    arms: str
    person_height: tuple[float, float]
    cut: float
    eye_height: tuple[float, float]
    roll: float
    things_before: float
    things_behind: float
    held: float
    clutter: tuple[float, float]
    contrast: tuple[float, float]
    exposure: tuple[float, float]
    noise: tuple[float, float]
    blur: tuple[float, float]
    pale: tuple[float, float] = (0.0, 0.45)
    cast: float = 0.04
    defocus: float = 0.0
    variety: float = 0.0
    close: float = 0.0
    gaze: float = 0.0
    screens: float = 0.0
    details: float = 0.0
    gamma: tuple[float, float] = (1.0, 1.0)
    sharp: tuple[float, float] = (0.0, 0.0)
    size: float = 1.0
    only_visible: bool = False


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Draw whether something happens; what never does draws nothing, so that a level without it keeps its images."""
    return probability > 0 and bool(rng.random() < probability)


LEVELS: dict[str, Level] = {
    "easy": Level(
        name="easy",
        people=(0.9, 0.1),
        near=0.0,
        postures={"stand": 6, "walk": 3},
        views=(0.90, 0.0, 0.10),
        turn=20.0,
        head_turn=8.0,
        arms="few",
        person_height=(110, 200),
        cut=0.05,
        eye_height=(0.9, 1.7),
        roll=1.5,
        things_before=0.05,
        things_behind=0.3,
        held=0.0,
        clutter=(0.0, 0.3),
        contrast=(0.5, 1.3),
        exposure=(0.20, 0.34),
        noise=(0.0, 2.0),
        blur=(0.0, 0.4),
    ),
    "normal": Level(
        name="normal",
        people=(0.36, 0.32, 0.20, 0.12),
        near=0.4,
        postures={"stand": 6, "walk": 4, "run": 2.5, "sit": 3.5, "reach": 2, "bend": 1.5, "squat": 1, "lunge": 1}
        | {"kick": 1, "kneel": 0.7, "jump": 0.8},
        views=(0.37, 0.22, 0.41),
        turn=52.0,
        head_turn=22.0,
        arms="calm",
        person_height=(95, 235),
        cut=0.30,
        eye_height=(0.6, 2.6),
        roll=4.0,
        things_before=0.35,
        things_behind=1.2,
        held=0.15,
        clutter=(0.2, 1.0),
        contrast=(0.3, 2.2),
        exposure=(0.14, 0.36),
        noise=(0.5, 6.0),
        blur=(0.0, 0.8),
    ),
    "hard": Level(
        name="hard",
        people=(0.12, 0.28, 0.30, 0.18, 0.12),
        near=0.7,
        postures={"stand": 3, "walk": 2, "run": 2.5, "sit": 3, "reach": 2, "bend": 3, "squat": 2, "lunge": 2}
        | {"kick": 2, "kneel": 1.5, "jump": 2, "lie": 1},
        views=(0.34, 0.30, 0.36),
        turn=52.0,
        head_turn=22.0,
        arms="calm",
        person_height=(70, 260),
        cut=0.45,
        eye_height=(0.4, 4.5),
        roll=9.0,
        things_before=1.1,
        things_behind=2.0,
        held=0.3,
        clutter=(0.5, 1.3),
        contrast=(0.2, 3.2),
        exposure=(0.05, 0.36),
        noise=(1.0, 12.0),
        blur=(0.0, 1.3),
    ),
    "wild": Level(
        name="wild",
        people=(0.24, 0.25, 0.19, 0.13, 0.09, 0.06, 0.04),
        near=0.75,
        postures={"stand": 6, "walk": 3, "run": 2, "sit": 5.5, "ride": 2, "crouch": 1.5, "reach": 2.5, "bend": 1.5}
        | {"squat": 0.7, "lunge": 1, "kick": 0.8, "kneel": 0.7, "jump": 0.8, "any": 1.5, "lie": 0.3},
        views=(0.75, 0.17, 0.08),
        turn=52.0,
        head_turn=28.0,
        arms="mixed",
        person_height=(46, 310),
        cut=0.30,
        eye_height=(0.5, 3.0),
        roll=2.2,
        things_before=0.3,
        things_behind=0.8,
        held=0.4,
        clutter=(0.3, 1.5),
        contrast=(0.2, 4.5),
        exposure=(0.08, 0.42),
        noise=(0.0, 5.0),
        blur=(0.0, 1.0),
        pale=(-0.35, 0.5),
        cast=0.07,
        defocus=0.2,
        variety=0.5,
        close=0.88,
        gaze=0.5,
        screens=0.33,
        details=16.0,
        gamma=(0.8, 1.7),
        sharp=(0.0, 2.1),
        size=1.0,
        only_visible=True,
    ),
}

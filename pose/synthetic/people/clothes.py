"""What generated people wear; the same left and right. `pose.synthetic.people.wardrobe` draws it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.template import template
from pose.synthetic.render.surface import Bands, Material


def _lengths(kind: str, axis: int) -> tuple[Array, Array]:
    """List where (in template coordinates) and at which length along the limb its bones start."""
    names = {"arm": ("upperarm01", "lowerarm01", "wrist"), "leg": ("upperleg01", "lowerleg01", "foot")}[kind]
    return np.array([abs(template().bone(f"{n}.L")[axis]) for n in names]), np.array([0.0, 1.0, 2.0])


def along_arm(x: Array) -> Array:
    """Find the length along the arm, 0 at its root, 1 at the elbow, 2 at the wrist, of x in template coordinates."""
    places, lengths = _lengths("arm", 0)
    return np.interp(np.abs(x), places, lengths)


def along_leg(y: Array) -> Array:
    """Find the length along the leg, 0 at the hip, 1 at the knee, 2 at the ankle, of y in template coordinates."""
    places, lengths = _lengths("leg", 1)
    return np.interp(-np.minimum(y, 0), places, lengths)


@dataclass(frozen=True)
class Clothes:
    """What one person wears; lengths are along the limb: 0 at its root, 1 at elbow or knee, 2 at wrist or ankle.

    Attributes:
        materials: by part: skin, head, hand, top, bottom, shoes, hair, hat; lens, where there are goggles or a helmet
            that covers the face.
        sleeve, leg: where sleeve and trouser leg end.
        skirt: where a skirt ends, 0 for trousers.
        hem: height of the top's lower edge against the hips, meters of a 1.75 m body.
        loose, wide: distance of top and trousers from the body, meters.
        hair: "short", "long", "tail", "bun", "bald".
        hat: "none", "cap", "beanie", "helmet", "full" (a helmet that covers the face), "brim".
        volume: thickness of the hair against the head's radius.
        goggles, bag: whether there are dark glasses, and something on the back.
        collar: where the top ends, as `hem`.
        sole: thickness of the shoes, meters. boots: where they end on the leg.
        curls: how uneven the hair is, 0..1. length: of long hair, 1 to the shoulder blades.
        spread: how wide long hair hangs; above 1 it comes to the front as well.
        flesh: distance of limbs and trunk from the template's, meters.
        iris: color of the eyes.
    """

    materials: dict[str, Material]
    sleeve: float
    leg: float
    skirt: float
    hem: float
    loose: float
    wide: float
    hair: str
    hat: str
    volume: float
    goggles: bool = False
    bag: bool = False
    collar: float = 0.53
    sole: float = 0.007
    boots: float = 2.0
    curls: float = 0.0
    length: float = 1.0
    spread: float = 1.0
    flesh: float = 0.0
    iris: tuple[float, float, float] = (0.02, 0.012, 0.008)

    @property
    def hat_lift(self) -> float:
        """Meters that cap or beanie stand off the head."""
        return 0.004 if self.hat != "none" else 0.0

    @cached_property
    def surfaces(self) -> dict[str, Material]:
        """The materials of the mesh: those of the parts, and what covers the limbs in bands of them."""
        looks = self.materials | {"eye": Material("eye", (0.55, 0.53, 0.50), self.iris, gloss=0.5)}
        names = [*looks, "trunk", "arm", "leg"]

        def bands(own: str, axis: int, edges: tuple[float, ...], *parts: str) -> Material:
            steps = tuple(names.index(part) - names.index(own) for part in parts)
            return Material("plain", (0.0, 0.0, 0.0), bands=Bands(axis, edges, steps))

        sleeve = float(np.interp(self.sleeve, *_lengths("arm", 0)[::-1]))
        leg, boots = (-float(np.interp(v, *_lengths("leg", 1)[::-1])) for v in (self.leg, self.boots))
        looks["trunk"] = bands("trunk", 1, (self.hem, self.collar), "bottom", "top", "skin")
        looks["arm"] = bands("arm", 0, (sleeve,), "top" if self.sleeve else "skin", "skin")
        if self.skirt:
            leg = self.hem
        looks["leg"] = bands("leg", 1, (min(boots, leg), leg, self.hem), "shoes", "skin", "bottom", "top")
        return looks

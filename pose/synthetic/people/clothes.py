"""What generated people wear; the same left and right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pose.runtime.arrays import Array
from pose.synthetic.people.template import template
from pose.synthetic.render.colors import CLOTH, EYES, HAIR, SKIN, linear, pick_color, random_color, random_print
from pose.synthetic.render.surface import Bands, Material


def _varied_cloth(rng: np.random.Generator, cloth: Material) -> Material:
    pattern, kind = cloth.pattern, rng.random()
    if kind < 0.4:
        pattern = "plain"
    elif kind < 0.55:
        pattern = "jacket"
    printed = kind > 0.86
    unusual = printed or pattern == "jacket"
    return replace(
        cloth,
        pattern=pattern,
        color=random_color(rng),
        color2=random_color(rng),
        scale=float(rng.uniform(0.15, 0.8) if printed else rng.uniform(0.03, 0.09)) if unusual else cloth.scale,
        gloss=float(rng.uniform(0, 0.25)),
        folds=float(rng.uniform(0, 0.6)),
        print=random_print(rng) if printed else None,
        mottle=float(rng.uniform(0, 0.6) ** 2),
        crumple=float(rng.uniform(0, 0.8)),
    )


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
        materials: by part: skin, head, hand, top, bottom, shoes, hair, hat.
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

    @staticmethod
    def random(rng: np.random.Generator, *, variety: float = 0.0) -> Clothes:
        """Draw clothes; `variety`: chance of each garment to be drawn from the wider range, see `Level`."""
        usual = Clothes._usual(rng)
        return usual._varied(rng, variety) if variety > 0 else usual

    def _varied(self, rng: np.random.Generator, variety: float) -> Clothes:
        materials = {
            part: _varied_cloth(rng, material) if rng.random() < variety else material
            for part, material in self.materials.items()
            if part not in ("skin", "head", "hand")
        }
        materials |= {part: self.materials[part] for part in ("skin", "head", "hand")}
        if rng.random() < 0.2 * variety:
            materials["hand"] = Material("plain", random_color(rng))
        if rng.random() < 0.15 * variety:  # one suit
            materials["bottom"] = materials["top"]
        hat = self.hat
        if rng.random() < 0.3 * variety:
            hat = str(rng.choice(["helmet", "helmet", "full", "brim"]))
        if rng.random() < 0.4 * variety:  # any hair; a beanie's or cap's color too
            materials["head"] = replace(materials["head"], color2=random_color(rng))
        return replace(
            self,
            materials=materials,
            hat=hat,
            goggles=bool(rng.random() < 0.25 * variety),
            volume=float(rng.uniform(0.03, 0.35)) if self.volume and rng.random() < 0.3 * variety else self.volume,
            bag=bool(rng.random() < 0.2 * variety),
            loose=float(rng.uniform(0.004, 0.055)) if rng.random() < variety else self.loose,
            wide=float(rng.uniform(0.004, 0.05)) if rng.random() < variety else self.wide,
        )

    @staticmethod
    def _usual(rng: np.random.Generator) -> Clothes:
        t = rng.uniform(0, len(SKIN) - 1)
        low = int(t)
        tone = np.array(SKIN[low]) * (1 - t + low) + np.array(SKIN[min(low + 1, len(SKIN) - 1)]) * (t - low)
        skin = linear(np.clip(tone + rng.normal(0, 4, 3), 20, 250))
        hair_color = pick_color(rng, HAIR[: 3 if t > 3 else None], 6)
        top, bottom = pick_color(rng, CLOTH), pick_color(rng, CLOTH)
        pattern = str(rng.choice(["plain"] * 5 + ["stripes", "bars", "checks", "speckle", "badge", "badge"]))
        jeans = rng.random() < 0.35
        if jeans:
            bottom = linear(np.array((62, 78, 112)) * rng.uniform(0.4, 1.3) + rng.normal(0, 4, 3))
        phase = float(rng.uniform(0, 50))
        skirt = float(rng.choice([0.35, 0.6, 0.9, 1.2, 1.7])) if rng.random() < 0.15 else 0.0
        if skirt and rng.random() < 0.5:  # a dress
            bottom = top
        shoes = pick_color(rng, CLOTH) if rng.random() < 0.85 else skin
        sleeve = float(rng.choice([0.0, 0.35, 0.45, 0.55, 1.0, 1.6, 1.95, 1.95, 1.95]))
        hair = str(rng.choice(["short"] * 6 + ["long"] * 4 + ["tail", "bun", "bald"]))
        hat = str(rng.choice(["none"] * 8 + ["cap", "beanie"]))
        hat_color = pick_color(rng, CLOTH)
        dark = (0.6 * hair_color[0], 0.6 * hair_color[1], 0.6 * hair_color[2])
        hairline = 0.42 if hat != "none" else 3.0 if hair == "bald" else float(rng.uniform(0.45, 0.68))
        materials = {
            "skin": Material("plain", skin, gloss=0.10),
            "hand": Material("plain", skin, gloss=0.10),
            "head": Material(
                "head",
                skin,
                hat_color if hat != "none" else hair_color,
                hairline,
                0.08,
                phase=float(hair == "long" and hat == "none"),
                mottle=float(rng.uniform(0, 0.12)),
                beard=float(rng.uniform(0.2, 1)) if rng.random() < 0.2 else 0.0,
            ),
            "top": Material(
                pattern,
                top,
                pick_color(rng, CLOTH),
                scale=float(rng.uniform(0.04, 0.14)),
                gloss=0.02,
                folds=rng.uniform(0.15, 0.5),
                phase=phase,
            ),
            "bottom": Material(
                "denim" if jeans else ("checks" if rng.random() < 0.05 else "plain"),
                bottom,
                pick_color(rng, CLOTH),
                scale=0.08,
                gloss=0.02,
                folds=float(rng.uniform(0.15, 0.45)),
                phase=phase + 7,
            ),
            "shoes": Material("plain", shoes, gloss=0.15),
            "hair": Material("wood", hair_color, dark, 0.02, 0.2, 0.3),
            "hat": Material("plain", hat_color),
        }
        return Clothes(
            materials=materials,
            sleeve=sleeve,
            leg=float(rng.choice([0.35, 0.6, 0.85, 1.97, 1.97, 1.97, 1.97, 1.5])),
            skirt=skirt,
            hem=0.07 if skirt else float(rng.choice([0.07, -0.03, -0.06, -0.10])),
            loose=float(rng.choice([0.006, 0.012, 0.02, 0.032])),
            wide=float(rng.choice([0.004, 0.01, 0.018, 0.028])),
            hair=hair,
            hat=hat,
            volume=0.0 if hair == "bald" else float(rng.uniform(0.03, 0.20)),
            collar=float(rng.choice([0.46, 0.50, 0.53, 0.54, 0.555])),
            sole=float(rng.uniform(0.006, 0.016)),
            boots=float(rng.choice([2.0, 1.95, 1.9, 1.7, 1.5])),
            curls=float(rng.uniform(0, 1)) if rng.random() < 0.3 else 0.0,
            length=float(rng.uniform(0.5, 1.5)),
            iris=linear(rng.uniform(0.6, 1.4) * np.array(EYES[rng.integers(len(EYES))])),
        )

"""What generated people wear; the same left and right."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pose.synthetic.render.colors import CLOTH, HAIR, SKIN, linear, pick_color, random_color, random_print
from pose.synthetic.render.surface import Material


def _varied_cloth(rng: np.random.Generator, cloth: Material) -> Material:
    pattern, kind = cloth.pattern, rng.random()
    if kind < 0.25:
        pattern = "plain"
    elif kind < 0.4:
        pattern = "jacket"
    printed = kind > 0.75
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
        mottle=float(rng.uniform(0, 0.35)),
        crumple=float(rng.uniform(0, 0.8)),
    )


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
            "head": Material("head", skin, hat_color if hat != "none" else hair_color, hairline, 0.08),
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
            volume=0.0 if hair == "bald" else float(rng.uniform(0.03, 0.13)),
        )

"""Draws what generated people wear: of usual cuts and colors, or of a wider range than real clothes have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pose.synthetic.people.clothes import Clothes
from pose.synthetic.render.colors import (
    CLOTH,
    EYES,
    HAIR,
    SKIN,
    Color,
    linear,
    pick_color,
    random_color,
    random_print,
)
from pose.synthetic.render.surface import Material


def random_clothes(rng: np.random.Generator, *, variety: float = 0.0) -> Clothes:
    """Draw clothes; `variety`: chance of each garment to be drawn from the wider range, see `Level`."""
    usual = _usual(rng)
    return _varied(rng, usual, variety) if variety > 0 else usual


def _varied(rng: np.random.Generator, usual: Clothes, variety: float) -> Clothes:
    materials = {
        part: _varied_cloth(rng, material) if rng.random() < variety else material
        for part, material in usual.materials.items()
        if part not in ("skin", "head", "hand", "hair")
    }
    materials["lens"] = _varied_cloth(rng, Material("plain", (0.01, 0.01, 0.01), gloss=0.3))
    materials |= _varied_head(rng, usual, variety)
    if materials["shoes"].color == usual.materials["skin"].color:  # bare feet
        materials["shoes"] = replace(materials["shoes"], color=materials["skin"].color)
    if rng.random() < 0.2 * variety:
        materials["hand"] = Material("plain", random_color(rng))
    if rng.random() < 0.15 * variety:  # one suit
        materials["bottom"] = materials["top"]
    hat = usual.hat
    if rng.random() < 0.3 * variety:
        hat = str(rng.choice(["helmet", "helmet", "full", "brim"]))
    if rng.random() < (0.1 if usual.hat == "none" else 0.4) * variety:  # any hair; a beanie's or cap's color too
        materials["head"] = replace(materials["head"], color2=random_color(rng))
    hair = materials["head"].color2 if usual.hat == "none" else usual.materials["hair"].color
    materials["hair"] = _strands(rng, hair)  # what hangs down is the head's, not a cap's
    return replace(
        usual,
        materials=materials,
        hat=hat,
        goggles=bool(rng.random() < 0.12 * variety),
        volume=float(rng.uniform(0.05, 0.5)) if usual.volume and rng.random() < variety else usual.volume,
        bag=bool(rng.random() < 0.2 * variety),
        curls=float(rng.uniform(0, 1)) if rng.random() < variety else usual.curls,
        spread=float(rng.uniform(1, 1.7)),
        flesh=float(rng.uniform(0, 0.016)),
        loose=float(rng.uniform(0.004, 0.055)) if rng.random() < variety else usual.loose,
        wide=float(rng.uniform(0.004, 0.05)) if rng.random() < variety else usual.wide,
    )


def _varied_head(rng: np.random.Generator, usual: Clothes, variety: float) -> dict[str, Material]:
    """Draw skin, mostly light, and hair that comes down to the brows and the sides of the face."""
    skin, head, hand = (usual.materials[part] for part in ("skin", "head", "hand"))
    if rng.random() < variety:
        color = _skin(rng, (len(SKIN) - 1) * float(rng.random()) ** 2)
        skin, head, hand = (replace(part, color=color) for part in (skin, head, hand))
    if usual.hat == "none" and usual.volume and rng.random() < variety:
        head = replace(head, scale=float(rng.uniform(0.15, 0.7)))
    if usual.hair == "long" and rng.random() < variety:
        head = replace(head, phase=float(rng.uniform(1, 2)))
    smile = float(rng.uniform(0, 1)) if rng.random() < 0.5 * variety else 0.0
    glasses = float(rng.random() < 0.3 * variety)
    ragged = float(rng.uniform(0, 1)) if usual.hat == "none" else 0.0
    return {"skin": skin, "head": replace(head, smile=smile, glasses=glasses, ragged=ragged), "hand": hand}


def _strands(rng: np.random.Generator, color: Color) -> Material:
    """Draw hair that hangs down, of the color of the head's."""
    dark, scale = float(rng.uniform(0.6, 0.95)), float(rng.uniform(0.004, 0.015))
    gloss, mottle = float(rng.uniform(0.02, 0.2)), float(rng.uniform(0, 0.25))
    second = (dark * color[0], dark * color[1], dark * color[2])
    return Material("wood", color, second, scale, gloss=gloss, folds=0.3, mottle=mottle)


def _usual(rng: np.random.Generator) -> Clothes:
    t = rng.uniform(0, len(SKIN) - 1)
    skin = _skin(rng, t)
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
        folds=float(rng.uniform(0, 0.5)),
        print=random_print(rng) if printed else None,
        mottle=float(rng.uniform(0, 0.6) ** 2),
        crumple=float(rng.uniform(0, 0.45)),
    )


def _skin(rng: np.random.Generator, tone: float) -> Color:
    """Draw a color near that of skin; `tone`: place on the palette, 0 for its lightest."""
    low = int(tone)
    color = np.array(SKIN[low]) * (1 - tone + low) + np.array(SKIN[min(low + 1, len(SKIN) - 1)]) * (tone - low)
    return linear(np.clip(color + rng.normal(0, 4, 3), 20, 250))

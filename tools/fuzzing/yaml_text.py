"""Damaged YAML."""

from __future__ import annotations

import random
from typing import Any

import yaml

from . import mutate

YAML_LINES = (
    'x: !!python/object/apply:os.system ["touch canary"]',
    "x: !!python/object/new:os.system [touch canary]",
    "x: !!python/name:os.system",
    *("on: 1", "? [a, b]\n: c", "x: &a [*a]", "train: {}", "<<: 1", "x: 2024-13-45", "x: 0o7", "x: 1e-1", "x: .nan"),
    *("x: &a {y: &b [1, 2]}\nz: *b", "- 1", "\tx: 1", "x: |\n  text", "%YAML 9.9", "---", "...", "x: !!binary zzzz"),
    *(
        "x: " + "[" * 2000,
        "x: " + "{a: " * 2000,
        "x: '" + "y" * 200_000 + "'",
        "x: 1:2:3:4",
        "x: 1_000",
        "x: !!set {a}",
    ),
    "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]),
    *(
        "augment: {extra: [{name: GaussNoise, p: 1e-1}]}",
        "augment: {extra: [{name: ../x, p: 1}]}",
        "x: !!omap [a: 1]",
    ),
    *(
        "data: {figures: {train: 1000000000000, val: 1}}",
        "model: {width: 1e9}",
        "model: {input_size: [3200000, 3200000]}",
    ),
)


def damaged_yaml(rng: random.Random, config: Any) -> bytes:
    """A config that was damaged by its structure, by lines, or blindly."""
    how = rng.random()
    if how < 0.1:
        return mutate.raw_bytes(rng, yaml.safe_dump(config).encode())
    if how < 0.3:
        lines = yaml.safe_dump(config).splitlines()
        at = rng.randrange(len(lines) + 1)
        extra = rng.choice((*YAML_LINES, lines[at - 1], " " * rng.randrange(5) + rng.choice(lines)))
        lines[at:at] = extra.splitlines()
        return "\n".join(lines).encode()
    text = yaml.safe_dump(mutate.tree(rng, config, deep=rng.random() < 0.5), sort_keys=False, allow_unicode=True)
    for number, raw in enumerate(mutate.RAW):
        text = text.replace(f"'{mutate.MARK.format(number)}'", raw)
    return text.encode(errors="surrogatepass")

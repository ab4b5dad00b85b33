"""Count DY-ReLUs whose hidden units are all off for every picture: python tools/hidden_units.py [MODEL ...]

The coefficients of such a layer are the same for all pictures, and nothing of its hyper function but the last bias
gets a gradient. Fresh networks of five seeds see eight crops of generated people, as they are and with the first FC's
biases made positive where it has at most four units; the demo model sees the same crops as it is.
"""

from __future__ import annotations

import argparse
from collections import Counter

import torch
from torch import Tensor, nn

from pose.checkpoints.checkpoint import load_checkpoint
from pose.config.zoo import create_model
from pose.data.transforms import normalize
from pose.export.check import generated_crops
from pose.layers.dyrelu import DyReLU

SEEDS, CROPS, SMALL = range(5), 8, 4
MODELS = ["mobilenet_v2_x1.0_dyrelu", "mobilenet_v2_x0.5_dyrelu", "mobilenet_v3_small_dyrelu"]


def off(model: nn.Module, images: Tensor) -> list[tuple[int, bool]]:
    """Of each DY-ReLU its number of hidden units, and whether none is on for any image."""
    found: list[tuple[int, bool]] = []

    def look(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, DyReLU)
        context = inputs[0].mean(dim=(2, 3)) if inputs[0].ndim == 4 else inputs[0]
        found.append((layer.fc1.out_features, not bool((layer.fc1(context) > 0).any())))

    hooks = [layer.register_forward_pre_hook(look) for layer in model.modules() if isinstance(layer, DyReLU)]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return found


def main(names: list[str]) -> None:
    images = normalize(torch.from_numpy(generated_crops(CROPS, (128, 96), seed=5)).permute(0, 3, 1, 2))
    for name in names:
        layers, plain, positive = Counter[int](), Counter[int](), Counter[int]()
        for seed in SEEDS:
            torch.manual_seed(seed)
            model = create_model(name).train()  # norms by the batch, as in the first step
            for units, is_off in off(model, images):
                layers[units] += 1
                plain[units] += is_off
            for layer in model.modules():
                if isinstance(layer, DyReLU) and layer.fc1.out_features <= SMALL:
                    with torch.no_grad():
                        layer.fc1.bias.abs_()
            for units, is_off in off(model, images):
                positive[units] += is_off
        print(f"{name}, {len(SEEDS)} seeds: hidden units, layers, of which off, with positive biases")
        for units in sorted(units for units in layers if units <= SMALL):
            print(f"{units:3}  {layers[units]:4}  {plain[units]:4}  {positive[units]:4}")
        larger = sum(plain[units] for units in layers if units > SMALL)
        print(f"more {sum(layers[units] for units in layers if units > SMALL):4}  {larger:4}")
    demo = off(load_checkpoint("demo").build(), images)
    print(f"demo model: {sum(is_off for _, is_off in demo)} of {len(demo)} layers off")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "models", nargs="*", default=MODELS, help=f"of `pose.list_models()` (default: {' '.join(MODELS)})"
    )
    main(parser.parse_args().models)

"""The networks that `tools/runtimes.py --sweep` tries: each backbone, kind of activation and codec, and odd sizes;
and what PyTorch finds by them.

Small ones with random weights in which every part matters, as fresh ones hide mistakes behind zeros.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pose.checkpoints.checkpoint import Checkpoint
from pose.codecs.codec import Codec
from pose.config.keypoints import Config
from pose.config.load import make_config
from pose.data.transforms import normalize
from pose.export.check import KEYPOINT_TOLERANCE, ROUNDING_TOLERANCE, double, generated_crops, margin
from pose.export.export import export_onnx
from pose.export.network_only import export_network
from pose.inference.torch_predictor import predict_heatmaps
from pose.models.folding import fold_batch_norms

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.randomize import randomise

Sections = dict[str, Any]
ANIMAL = ("nose", "left_ear", "right_ear", "left_paw", "right_paw")


@dataclass(frozen=True)
class Model:
    """A row of the sweep.

    Attributes:
        section: `model` of a config.
        keypoint_names: of a skeleton of one's own; None for COCO's.
        flip_test: whether to export with it.
    """

    section: Sections
    keypoint_names: tuple[str, ...] | None = None
    flip_test: bool = False

    def make(self, name: str) -> Checkpoint:
        """A checkpoint that no file holds."""
        split = {"images": "images", "annotations": "people.json"}
        data: Sections = {"root": "data", "train": split, "val": split}
        if self.keypoint_names is not None:
            data["skeleton"] = {"keypoint_names": list(self.keypoint_names)}
        config = make_config({"data": data, "model": self.section})
        assert isinstance(config, Config)
        torch.manual_seed(0)
        network = config.model.build(num_keypoints=len(self.keypoint_names or range(17)))
        torch.nn.init.normal_(network.head.heatmaps.weight, std=0.5)
        crops = torch.from_numpy(generated_crops(32, config.model.input_size, seed=3)).permute(0, 3, 1, 2)
        # More strength, and rounding grows from layer to layer until it decides everything.
        randomise(network, normalize(crops), strength=0.03)
        return Checkpoint(Path(name), config, network.state_dict(), epoch=0, metrics={})


def _section(
    activation: str | Sections, *, head: str | Sections | None = None, kernel: int = 3, **more: Any
) -> Sections:
    return {
        "width": 0.25,
        "input_size": [128, 96],
        "activation": activation,
        "head": {
            "activation": activation if head is None else head,
            "channels": [32, 32, 24, 24],
            "hidden": [32, 64, 64, 48],
            "kernel": kernel,
        },
    } | more


def _dyrelu_c(**settings: Any) -> Model:
    return Model(_section({"name": "dyrelu_c"} | settings))


MODELS: dict[str, Model] = {
    "ReLU6": Model(_section("default")),
    "DY-ReLU-A": Model(_section("dyrelu_a")),
    "DY-ReLU-B": Model(_section("dyrelu_b")),
    "DY-ReLU-C": Model(_section("dyrelu_c")),
    "DY-ReLU-C, 3 pieces, at a1 and a2": _dyrelu_c(num_pieces=3, sites=["a1", "a2"]),
    "DY-ReLU-C without intercepts": _dyrelu_c(intercept=False),
    "DY-ReLU-C, one piece is 0": _dyrelu_c(zero_piece=True),
    "DY-ReLU-C, ReLU6 in the head": Model(_section("dyrelu_c", head="default")),
    "ReLU6, DY-ReLU-C in the head": Model(_section("default", head="dyrelu_c")),
    "SE before ReLU, ReLU in the head": Model(_section("se_relu", head="relu")),
    "Maxout": Model(_section("maxout")),
    "PReLU": Model(_section("prelu", head="prelu_shared")),
    "leaky ReLU, RReLU in the head": Model(_section("leaky_relu", head="rrelu")),
    "MobileNetV3 small": Model(_section("default", backbone="mobilenet_v3_small", width=0.5)),
    "MobileNetV3 large, DY-ReLU-C": Model(_section("dyrelu_c", backbone="mobilenet_v3_large")),
    "ResNet-10, DY-ReLU-C": Model(_section("dyrelu_c", backbone="resnet10", width=1.0)),
    "ResNet-18, ReLU": Model(_section("default", backbone="resnet18", width=1.0)),
    "ResNet-50, DY-ReLU-B": Model(_section("dyrelu_b", backbone="resnet50", width=1.0)),
    "32 x 32, 1 keypoint": Model(_section("dyrelu_c", input_size=[32, 32]), keypoint_names=("tip",)),
    "224 x 160, 5 keypoints": Model(_section("dyrelu_c", input_size=[224, 160]), keypoint_names=ANIMAL),
    "64 x 288, kernels of 5": Model(_section("dyrelu_c", input_size=[64, 288], kernel=5)),
    "codec dark": Model(_section("dyrelu_c", codec="dark")),
    "codec udp": Model(_section("dyrelu_c", codec="udp")),
    "codec udp_dark": Model(_section("dyrelu_c", codec="udp_dark")),
    "codec quarter, flip test": Model(_section("dyrelu_b", codec="quarter"), flip_test=True),
    "codec dark, flip test": Model(_section("dyrelu_b", codec="dark"), flip_test=True),
    "codec udp_dark, flip test": Model(_section("dyrelu_b", codec="udp_dark"), flip_test=True),
}


@dataclass(frozen=True)
class Expected:
    """What PyTorch finds in `crops`; `decided` tells which keypoints rounding cannot move."""

    crops: np.ndarray
    keypoints: Tensor
    scores: Tensor
    decided: Tensor
    codec: Codec
    flip_test: bool


@torch.no_grad()
def prepare(
    checkpoint: Checkpoint, folder: Path, *, crops: int, flip_test: bool = False, fp16: bool = False
) -> Expected:
    """Export the model in each way and write crops of generated people beside it."""
    input_size, codec = checkpoint.pose_config.model.input_size, checkpoint.pose_config.model.make_codec()
    seen = generated_crops(crops, input_size, seed=2)
    images = torch.from_numpy(seen).permute(0, 3, 1, 2)
    np.save(folder / "crops.npy", seen)
    seen.tofile(folder / "crops.bin")
    np.save(folder / "images.npy", normalize(images).contiguous().numpy())
    network = checkpoint.build()
    export_onnx(checkpoint, folder / "m.onnx", flip_test=flip_test, fp16=fp16)
    if not flip_test:
        export_network(checkpoint, folder / "net.onnx")
        torch.jit.trace(fold_batch_norms(network), torch.zeros(1, 3, *input_size), check_trace=False).save(
            str(folder / "net.pt")
        )
    flip_indices = checkpoint.skeleton.flip_indices if flip_test else None
    heatmaps, exact = (
        predict_heatmaps(model, images, flip_indices=flip_indices, codec=codec)
        for model in (network, double(network))
    )
    keypoints, scores = codec.decode(heatmaps, input_size=input_size)
    rounding = float((heatmaps - exact).abs().max())
    limit = max(1e-4 * float(heatmaps.abs().max()), ROUNDING_TOLERANCE * rounding)
    decided = margin(heatmaps, between_pixels=codec.dark) > limit
    if codec.dark:  # a peak on a plateau lies anywhere on it
        own_move = (keypoints - codec.decode(exact, input_size=input_size)[0]).abs().amax(dim=-1)
        decided &= own_move * ROUNDING_TOLERANCE <= KEYPOINT_TOLERANCE
    return Expected(seen, keypoints, scores, decided, codec, flip_test)

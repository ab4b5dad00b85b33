"""`task: classification` for the trainer and for `pose eval`: images in, classes out, top-1 and top-5."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from pose.classification.dataset import (
    ImageAugment,
    ImageBatch,
    ImageFolderDataset,
    LabeledImage,
    collate_images,
    find_classes,
    find_images,
)
from pose.classification.shapes import generate_shapes
from pose.config.classification import ClassificationConfig, ImagesConfig
from pose.data.loader import EpochSampler, make_loader
from pose.data.training_samples import LoadedCollate, TrainingSamples
from pose.data.transforms import normalize
from pose.drawing.people import Color
from pose.drawing.sheets import grid, titled
from pose.images.types import Image
from pose.images.write import write_image
from pose.models.folding import fold_batch_norms
from pose.runtime.distributed import Shard, World
from pose.runtime.files import write_atomic, write_json
from pose.runtime.outputs import check_evaluation_folder
from pose.runtime.text import plural
from pose.training.losses import mixed_cross_entropy, mixup
from pose.training.optim import cosine_learning_rate, learning_rate
from pose.training.tasks import Task, evenly_spaced

SHOWN = 32  # images of draw_evaluation
RIGHT: Color = (120, 220, 120)
WRONG: Color = (255, 110, 100)


@dataclass(frozen=True, eq=False)
class ImageEvaluation:
    """What an evaluation gives.

    Attributes:
        metrics: top1 and top5, shares of the images, and val_loss, the cross-entropy.
        results: for each image its file, its class, and the five most probable classes.
    """

    metrics: dict[str, float]
    results: list[dict[str, Any]]

    def write(self, folder: Path, *, config: ClassificationConfig, details: dict[str, Any], mark: str) -> None:
        """results.json, config.yaml and metrics.json (`details` beside the numbers); see `Evaluation.write`."""
        check_evaluation_folder(folder, mark)
        write_atomic(folder / "config.yaml", (mark + config.to_yaml()).encode())
        write_json(folder / "results.json", self.results, indent=None)
        write_json(folder / "metrics.json", {**self.metrics, "images": len(self.results), **details})

    def line(self) -> str:
        top1, top5 = self.metrics["top1"], self.metrics["top5"]
        return f"top-1 {top1:.1%}, top-5 {top5:.1%} ({plural(len(self.results), 'image')})"


class ClassificationTask(Task):
    """Images of `data.train`, cross-entropy, SGD with momentum, top-1 and top-5 on `data.val`."""

    metrics = ("top1", "top5", "val_loss")

    def __init__(self, config: ClassificationConfig) -> None:
        self.config = config
        root = Path(config.data.root)
        self.classes = tuple(find_classes(root / config.data.train))
        self.images = find_images(root / config.data.train, self.classes)
        self.val = find_images(root / config.data.val, self.classes)
        self.num_samples = len(self.images)
        labels = np.array([len(self.images), *(image.label for image in (*self.images, *self.val))])
        self.checksum = zlib.crc32("\0".join(self.classes).encode(), zlib.crc32(labels.tobytes()))
        augment = config.augment
        self.dataset = ImageFolderDataset(
            self.images,
            input_size=config.model.input_size,
            augment=ImageAugment(**augment.model_dump(exclude={"extra"})) if augment else None,
            extra=augment.extra if augment else (),
            crop=config.eval.crop,
            seed=config.train.seed,
        )

    def make_loader(
        self, sampler: EpochSampler, *, workers: int, pin_memory: bool, shard: Shard = Shard()
    ) -> DataLoader[Any]:
        return make_loader(
            TrainingSamples(self.dataset, skip=self.config.data.skip_unreadable),
            batch_size=self.config.train.batch_size,
            shard=shard,
            workers=workers,
            sampler=sampler,
            collate=LoadedCollate(collate_images),
            pin_memory=pin_memory,
        )

    def build_model(self) -> nn.Module:
        assert self.classes is not None
        return self.config.model.build(num_classes=len(self.classes))

    def make_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        train = self.config.train
        return torch.optim.SGD(
            model.parameters(), lr=train.lr, momentum=train.momentum, weight_decay=train.weight_decay
        )

    def learning_rate(self, epoch: float) -> float:
        train = self.config.train
        if train.schedule == "cosine":
            return cosine_learning_rate(epoch, base=train.lr, epochs=train.epochs)
        return learning_rate(epoch, base=train.lr, milestones=train.milestones, factor=train.lr_factor)

    def loss(self, forward: Callable[[Tensor], Tensor], batch: ImageBatch, rng: np.random.Generator) -> Tensor:
        train = self.config.train
        images, labels = normalize(batch.images), batch.labels
        if not train.mixup:
            return mixed_cross_entropy(forward(images), labels, smoothing=train.label_smoothing)
        share = float(rng.beta(train.mixup, train.mixup))
        order = torch.from_numpy(rng.permutation(len(labels))).to(labels.device)
        logits = forward(mixup(images, order, share=share))
        return mixed_cross_entropy(
            logits, labels, smoothing=train.label_smoothing, partners=labels[order], share=share
        )

    def evaluate(
        self,
        model: nn.Module,
        *,
        device: torch.device,
        workers: int,
        on_batch: Callable[[int], None],
        world: World = World(),
    ) -> tuple[dict[str, float], str]:
        assert self.classes is not None
        result = evaluate_images(
            model,
            self.val,
            classes=self.classes,
            config=self.config,
            device=device,
            workers=workers,
            on_batch=on_batch,
            world=world,
        )
        return result.metrics, result.line()

    def describe_data(self) -> str:
        images, classes = plural(len(self.images), "image"), plural(len(self.classes or ()), "class", "classes")
        return f"{images} of {classes} to train on, {len(self.val)} to evaluate"

    def identify(self, batch: ImageBatch) -> dict[str, list[Any]]:
        return {"images": [str(self.images[i].path) for i in batch.index.tolist()]}

    def draw_first_batch(self, path: Path, batch: ImageBatch) -> Image:
        sheet = grid(list(batch.images[:32].permute(0, 2, 3, 1).numpy()), columns=8, gap=4)
        write_image(path, sheet)
        return sheet

    @torch.inference_mode()
    def draw_evaluation(self, model: nn.Module, *, device: torch.device) -> Image | None:
        """Images below the class that was found: green if it is right, else red, with the right one behind it."""
        assert self.classes is not None
        shown = evenly_spaced(self.val, SHOWN)
        dataset = ImageFolderDataset(shown, input_size=self.config.model.input_size, crop=self.config.eval.crop)
        images = collate_images([dataset[0, index] for index in range(len(shown))]).images
        found = model.eval()(normalize(images.to(device))).argmax(dim=1).tolist()
        cells = []
        for image, labeled, guess in zip(images.permute(0, 2, 3, 1).numpy(), shown, found, strict=True):
            right = guess == labeled.label
            title = self.classes[guess] if right else f"{self.classes[guess]}, not {self.classes[labeled.label]}"
            cells.append(titled(image, title, RIGHT if right else WRONG))
        return grid(cells, columns=8, gap=4)


@torch.inference_mode()
def evaluate_images(
    model: nn.Module,
    images: Sequence[LabeledImage],
    *,
    classes: Sequence[str],
    config: ClassificationConfig,
    device: torch.device,
    batch_size: int | None = None,
    workers: int = 0,
    on_batch: Callable[[int], None] | None = None,
    world: World = World(),
) -> ImageEvaluation:
    """Classify the plain crop of each image.

    The model is left in evaluation mode; what runs is a copy of it with its batch norms folded.

    Args:
        batch_size: images in a batch, where not the config's.
        on_batch: called with the number of images after each batch; may raise to stop.
        world: processes that all call this; they share the work, and each gets all of the result.
    """
    model = fold_batch_norms(model.eval())
    batch_size = batch_size or config.eval.batch_size
    own = world.shard_batches(images, batch_size)
    dataset = ImageFolderDataset(own, input_size=config.model.input_size, crop=config.eval.crop)
    loader = make_loader(
        dataset,
        batch_size=batch_size,
        workers=workers,
        sampler=EpochSampler(len(own), seed=0, shuffle=False),
        collate=collate_images,
        pin_memory=device.type == "cuda",
    )
    ranks = min(5, len(classes))
    outputs: list[tuple[float, list[list[int]]]] = []
    for batch in loader:
        labels = batch.labels.to(device)
        logits = model(normalize(batch.images.to(device))).float()
        loss = functional.cross_entropy(logits, labels, reduction="sum").item()
        outputs.append((loss, logits.topk(ranks, dim=1).indices.tolist()))
        if on_batch is not None:
            on_batch(len(labels))
    outputs = world.gather_outputs(outputs)
    found = [guesses for _, of_batch in outputs for guesses in of_batch]
    count, top1, top5 = len(images), 0, 0
    results: list[dict[str, Any]] = []
    for labeled, guesses in zip(images, found, strict=True):
        top1 += guesses[0] == labeled.label
        top5 += labeled.label in guesses
        names = [classes[guess] for guess in guesses]
        results.append({"image": str(labeled.path), "class": classes[labeled.label], "best": names})
    metrics = {"top1": top1 / count, "top5": top5 / count, "val_loss": sum(loss for loss, _ in outputs) / count}
    return ImageEvaluation({key: float(value) for key, value in metrics.items()}, results)


def make_shapes(data: ImagesConfig, *, progress: Callable[[int, int], None] | None = None) -> None:
    """Generate the images of `data.shapes`, unless they are there already or are not asked for."""
    if data.shapes is not None:
        wanted = data.shapes
        generate_shapes(Path(data.root), train=wanted.train, val=wanted.val, seed=wanted.seed, progress=progress)

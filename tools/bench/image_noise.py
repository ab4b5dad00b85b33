"""How alike the gradients of people of one image are: what a batch with several of them costs.

    POSE_COCO_SAMPLE=FOLDER OMP_NUM_THREADS=1 python tools/bench/image_noise.py [EPOCHS ...]

With r the mean inner product of the gradients of two people of one image over the mean square of one (the mean
gradient subtracted from all), and m others of its image in a sample's batch, a batch's gradient has 1 + r m times the
variance that it has without them. Trains MobileNetV2 x0.5 at 128 x 96 on the sample, batch 32, and looks at
initialization and after each of EPOCHS (default 5 15).
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor, nn

from data import load_people, sample_folder
from pose.codecs.heatmap import encode
from pose.config.keypoints import ModelConfig
from pose.data.dataset import Batch, PeopleDataset, collate
from pose.data.loader import EpochSampler, make_loader
from pose.data.transforms import Augment, normalize
from pose.keypoints.skeletons import COCO17
from pose.training.losses import heatmap_mse

INPUT, HEATMAP = (128, 96), (32, 24)


def loss_of(model: nn.Module, batch: Batch) -> Tensor:
    targets, weights = encode(batch.keypoints_crop / 4, batch.weights, heatmap_size=HEATMAP)
    return heatmap_mse(model(normalize(batch.images)), targets, weights)


def likeness(model: nn.Module, dataset: PeopleDataset) -> tuple[float, float]:
    """r of people of one image, and of different ones."""
    model.eval()
    gradients = []
    for index in range(len(dataset)):
        model.zero_grad()
        loss_of(model, collate([dataset[(10**6, index)]])).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    model.train()
    rows = torch.stack(gradients).double()
    rows -= rows.mean(dim=0)
    products = (rows @ rows.T).numpy()
    images = np.array([person.image_id for person in dataset.people])
    same = images[:, None] == images
    square = np.diag(products).mean()
    return products[same & ~np.eye(len(same), dtype=bool)].mean() / square, products[~same].mean() / square


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("epochs", type=int, nargs="*", default=[5, 15])
    wanted = parser.parse_args().epochs
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dataset = PeopleDataset(load_people(sample_folder(), quick=False), COCO17, input_size=INPUT, augment=Augment())
    model = ModelConfig(width=0.5, input_size=INPUT).build(num_keypoints=17)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    sampler = EpochSampler(len(dataset), seed=0)
    loader = make_loader(dataset, batch_size=32, workers=0, sampler=sampler)
    for epoch in range(max(wanted) + 1):
        if epoch in (0, *wanted):
            same, different = likeness(model, dataset)
            print(f"epoch {epoch:3}: r {same:.3f} of one image, {different:.3f} of different ones", flush=True)
        sampler.set_epoch(epoch)
        for batch in loader:
            optimizer.zero_grad()
            loss_of(model, batch).backward()
            optimizer.step()


if __name__ == "__main__":
    main()

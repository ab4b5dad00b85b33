"""The training losses: mean squared error of heatmaps by keypoint weight, and cross-entropy with its variations."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def heatmap_mse(pred: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Half the mean squared error, 0.5 * mean((w * (pred - target))^2), in float32.

    Keypoints of weight 0 add nothing to the sum but count in the mean, so that the loss compares with HRNet's.

    Shapes: B batch, K keypoints, H x W heatmap.

    Args:
        pred: (B, K, H, W), any float dtype; half precision is converted before the difference is taken.
        target: (B, K, H, W).
        weights: (B, K).
    Returns:
        () float32.
    Raises:
        ValueError: shapes do not fit.
    Source: HRNet, `lib/core/loss.py`, JointsMSELoss with target weights.
    """
    if pred.shape != target.shape or weights.shape != pred.shape[:2]:
        raise ValueError(
            f"heatmap_mse needs pred and target (B, K, H, W) and weights (B, K), got "
            f"{tuple(pred.shape)}, {tuple(target.shape)} and {tuple(weights.shape)}"
        )
    error = (pred.float() - target.float()) * weights.float()[..., None, None]
    return 0.5 * error.square().mean()


def mixed_cross_entropy(
    logits: Tensor, labels: Tensor, *, smoothing: float = 0.0, partners: Tensor | None = None, share: float = 1.0
) -> Tensor:
    """Cross-entropy with label smoothing, for images that may be mixtures of two.

    The target of an image is share * onehot(labels) + (1 - share) * onehot(partners), and then
    (1 - smoothing) * target + smoothing / C.

    Shapes: B batch, C classes.

    Args:
        logits: (B, C), any float dtype.
        labels, partners: (B,) int64; `partners` is None if images are not mixed.
        share: the part of the mixture that belongs to `labels`.
    Returns:
        () float32.
    Source: Szegedy et al., CVPR 2016 (label smoothing); Zhang et al., "mixup", ICLR 2018.
    """
    loss = functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
    if partners is None:
        return loss
    other = functional.cross_entropy(logits.float(), partners, label_smoothing=smoothing)
    return share * loss + (1 - share) * other


def mixup(images: Tensor, order: Tensor, *, share: float) -> Tensor:
    """Mix each image with another one of the batch: share * images + (1 - share) * images[order].

    Args:
        images: (B, ...) float.
        order: (B,) int64 permutation: the partner of each image.
    """
    return share * images + (1 - share) * images[order]

"""The heatmap loss against HRNet's loop over keypoints."""

from __future__ import annotations

import math

import pytest
import torch

from pose.training.losses import heatmap_mse, mixed_cross_entropy, mixup


def make(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    pred, target = torch.randn(2, 3, 17, 16, 12, generator=g)
    return pred, target, (torch.rand(3, 17, generator=g) < 0.7).float()


def test_equals_the_loop_over_keypoints() -> None:
    pred, target, weights = make()
    weights[0, 0] = 0.5  # applied to both before the difference, so squared
    loss = 0.0
    for k in range(17):  # JointsMSELoss
        w = weights[:, k, None]
        p, t = pred[:, k].flatten(1) * w, target[:, k].flatten(1) * w
        loss += 0.5 * torch.nn.functional.mse_loss(p.double(), t.double()).item()
    # float32 sums of 10^4 terms: about 1e-6 relative.
    assert heatmap_mse(pred, target, weights).item() == pytest.approx(loss / 17, rel=1e-5)


def test_unlabeled_keypoints_stay_in_the_mean() -> None:
    pred, target = torch.ones(1, 4, 2, 2), torch.zeros(1, 4, 2, 2)
    assert heatmap_mse(pred, target, torch.tensor([[1.0, 0, 0, 0]])).item() == 0.5 / 4


def test_half_precision_is_compared_in_float32() -> None:
    pred = torch.full((1, 1, 64, 48), 300.0, dtype=torch.float16, requires_grad=True)  # its square overflows fp16
    loss = heatmap_mse(pred, torch.zeros(1, 1, 64, 48), torch.ones(1, 1))
    assert loss.dtype == torch.float32
    assert loss.item() == 45_000.0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert heatmap_mse(pred, torch.zeros(1, 1, 64, 48), torch.ones(1, 1)).dtype == torch.float32


def test_gradient_is_zero_where_the_weight_is() -> None:
    pred, target, weights = make()
    pred.requires_grad_()
    heatmap_mse(pred, target, weights).backward()
    assert pred.grad is not None
    assert (pred.grad[weights == 0] == 0).all()
    # d/dp of 0.5 (p - t)^2 / n
    torch.testing.assert_close(pred.grad[weights == 1], ((pred - target) / pred.numel())[weights == 1].detach())


def test_rejects_shapes_that_do_not_fit() -> None:
    pred, target, weights = make()
    with pytest.raises(ValueError, match=r"weights \(B, K\)"):
        heatmap_mse(pred, target, weights[..., None])


# --- classification ---


def soft_target(label: int, classes: int, smoothing: float) -> list[float]:
    return [(1 - smoothing) * (c == label) + smoothing / classes for c in range(classes)]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("share", [1.0, 0.7])
def test_mixed_cross_entropy_follows_the_formula(smoothing: float, share: float) -> None:
    """- sum_c target_c log p_c with the smoothed and mixed target, in plain Python."""
    torch.manual_seed(0)
    logits = torch.randn(6, 5) * 3
    labels, order = torch.tensor([0, 1, 2, 3, 4, 0]), torch.tensor([3, 2, 1, 0, 5, 4])
    expected = 0.0
    for i in range(6):
        scores = logits[i].tolist()
        log_total = math.log(sum(math.exp(s) for s in scores))
        ours = soft_target(int(labels[i]), 5, smoothing)
        theirs = soft_target(int(labels[order[i]]), 5, smoothing)
        target = [share * a + (1 - share) * b for a, b in zip(ours, theirs, strict=True)]
        expected -= sum(t * (s - log_total) for t, s in zip(target, scores, strict=True)) / 6
    loss = mixed_cross_entropy(logits, labels, smoothing=smoothing, partners=labels[order], share=share)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    if share == 1.0:
        alone = mixed_cross_entropy(logits, labels, smoothing=smoothing)
        assert alone.item() == pytest.approx(expected, rel=1e-5)


def test_mixed_cross_entropy_is_float32() -> None:
    logits = torch.full((2, 3), 70000.0).to(torch.bfloat16)
    assert mixed_cross_entropy(logits, torch.tensor([0, 1])).dtype == torch.float32


def test_mixup_by_hand() -> None:
    images = torch.arange(12.0).reshape(3, 4)
    mixed = mixup(images, torch.tensor([2, 0, 1]), share=0.25)
    assert mixed[0].tolist() == [0.25 * a + 0.75 * b for a, b in zip(range(4), range(8, 12), strict=True)]
    assert torch.equal(mixup(images, torch.tensor([2, 0, 1]), share=1.0), images)

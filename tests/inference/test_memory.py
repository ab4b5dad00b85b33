"""A batch that this machine could not hold is made smaller, with a word."""

from __future__ import annotations

import warnings

import pytest

from pose.inference import memory
from pose.inference.memory import fitting_batch_size
from tests.helpers.dots import predictor

GB = 10**9


@pytest.mark.parametrize(
    ("input_size", "gigabytes", "device", "want"),
    [
        ((256, 192), 8, "cpu", 64),
        ((384, 288), 16, "cpu", 64),
        ((2048, 2048), 24, "cpu", 4),  # 2.5 GB each, in 12 GB
        ((2048, 2048), 4, None, 1),
        ((2048, 2048), 24, "cuda:0", 64),  # of its own memory
        ((2048, 2048), None, "cpu", 64),  # where the system does not tell
    ],
)
def test_how_many_crops(
    input_size: tuple[int, int], gigabytes: int | None, device: str | None, want: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: None if gigabytes is None else gigabytes * GB)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert fitting_batch_size(64, input_size, device=device) == want
        assert fitting_batch_size(1, input_size, device=device) == 1
    assert [str(one.message) for one in said] == (
        []
        if want == 64
        else [
            f"batches of {want} instead of 64: a crop of 2048 x 2048 (height x width) pixels takes about 2.5 GB, "
            f"and this process may take {gigabytes}.0 GB"
        ]
    )


def test_a_crop_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: 2 * GB)
    with pytest.warns(
        UserWarning, match=r"the system may end this process: a crop of 2048 x 2048 \(height x width\) pixels takes"
    ):
        assert fitting_batch_size(1, (2048, 2048), device="cpu") == 1


def test_predictors_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_bytes", lambda: 10**8)
    with pytest.warns(UserWarning, match="instead of 2000"):
        assert predictor(batch_size=2000).batch_size < 2000

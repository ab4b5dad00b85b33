"""Settings of a training that are allowed and defeat their purpose are told before the first step."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest

from pose.config.load import make_config
from pose.evaluation.splits import training_set
from pose.training.keypoints import metrics_table, warn_of_settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model": {"input_size": [64, 192]}},
            r"input_size \[64, 192\] .* does not suit the boxes, which are mostly 1\.3 times as high as wide: half "
            r"of them fill less than 27% of the crop; such as \[128, 96\] would",
        ),
        ({"train": {"milestones": [1, 9]}}, r"train.milestones \[9\] are not before the last of 5 epochs"),
        ({"data": {"skeleton": {"keypoint_names": ["a", "b"]}}}, r"mirrored .augment.flip., and skeleton .* no flip"),
        ({"data": {"val": {"annotations": "people.json"}}}, "people.json is for training and for validation"),
        ({}, None),
    ],
)
def test_settings_that_defeat_their_purpose(
    tiny_config: dict[str, Any], changes: dict[str, Any], message: str | None
) -> None:
    people = training_set(make_config(tiny_config).data).people
    tiny_config["train"] |= {"epochs": 5, "milestones": []}
    tiny_config["data"]["val"]["annotations"] = "other.json"
    tiny_config["augment"] = {"half_body": 0}
    for section, values in changes.items():
        for key, value in values.items():
            old = tiny_config[section].get(key)
            tiny_config[section][key] = {**old, **value} if key == "val" else value
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_settings(make_config(tiny_config), people)
    assert len(caught) == (message is not None)
    assert message is None or re.search(message, str(caught[0].message))


def test_no_number_where_nobody_is_of_a_size() -> None:
    assert metrics_table({"AP": 0.5, "APM": 0.0, "APL": -1.0}) == "    AP     APM     APL\n 0.500   0.000       -"

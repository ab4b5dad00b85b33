"""`pose summary`."""

from __future__ import annotations

import json

from tests.helpers.cli import CONFIGS, Cli


def test_summary_of_the_table(pose_cli: Cli) -> None:
    """Names and files give the same counts; the published ones are in tests/analysis/test_summary.py."""
    name = "mobilenet_v3_small_relu"
    by_name, by_file = (pose_cli("summary", x, "--json") for x in (name, CONFIGS / "coco" / f"{name}.yaml"))
    assert by_name.code == by_file.code == 0
    assert by_name.err == ""
    found, other = json.loads(by_name.out), json.loads(by_file.out)
    assert (found["madds"], found["params"], found["madds_dyrelu"]) == (723_039_232, 1_958_449, 0)
    assert {**other, "model": name} == found
    text = pose_cli("summary", name)
    assert "ours:  1.96M params, 723.04M MAdds" in text.out

"""The benchmarks run, and their arithmetic is right; nothing here is timed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "bench"))

import activations
import all as bench_all
import downscale
import gpu
import profile_step
import timing
import torch
import training_step

from pose.layers.dyrelu import DyReLU

pytestmark = pytest.mark.slow


def test_interleave_takes_turns_and_drops_the_warm_up() -> None:
    calls: list[str] = []
    functions = {name: lambda name=name: calls.append(name) for name in "abc"}
    times = timing.interleave(functions, repeats=3, warmup=1)
    assert [len(times[name]) for name in "abc"] == [3, 3, 3]
    rounds = ["".join(calls[start : start + 3]) for start in range(0, 12, 3)]
    assert all(sorted(once) == list("abc") for once in rounds)
    assert len(set(rounds)) > 1


def test_ratios_are_medians_of_rounds() -> None:
    times = {"ours": [1.0, 4.0, 9.0], "base": [1.0, 2.0, 3.0]}
    assert timing.median_ratio(times, "ours", "base") == 2.0
    settings = {"what": "w", "against": "a", "ours": "ours", "baseline": "base"}
    assert timing.row(times, target="<= 2.5", **settings)["ratio"] == 2.0
    assert timing.row(times, target=">= 1", **settings)["ratio"] == 0.5  # a speed-up


@pytest.mark.parametrize(
    ("target", "ratio", "met"), [("<= 1.8", 1.8, True), ("<= 1.8", 1.9, False), (">= 4", 3.9, False), ("", 3, None)]
)
def test_targets(target: str, ratio: float, met: bool | None) -> None:
    assert timing.is_met(target, ratio) is met


def test_activations_run_and_keep_little_memory() -> None:
    rows = activations.rows(quick=True)
    assert len(rows) == 12 + 6 * any("AVX2" in row["what"] for row in rows)  # beside AVX-512, where there is any
    assert all(row["ratio"] > 0 for row in rows)
    assert len(timing.markdown(rows).splitlines()) == len(rows) + 2


def test_training_step_runs() -> None:
    rows = training_step.rows(quick=True)
    assert [bool(row["target"]) for row in rows] == [True, False, True, False, True, False, False, True]
    assert all(row["ratio"] > 0 for row in rows)


def test_gpu_runs_without_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    gpu.main(["--quick"])
    layers, training = capsys.readouterr().out.strip().split("\n\n")
    assert len(layers.splitlines()) == 2 + 8
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in training.splitlines()[2:]]
    assert [row[:3] for row in rows] == [
        [precision, "eager", network]
        for precision in ("fp32", "bf16")
        for network in ("ReLU6", "DY-ReLU-C plain", "DY-ReLU-C ours")
    ]
    assert all(float(row[3]) > 0 and float(row[4]) > 0 for row in rows)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        gpu.main([])
    assert "no CUDA device here" in capsys.readouterr().err


def test_all_gathers_rows_from_new_processes(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_all.main(["--only", "activations", "--quick"]) == 0
    text = capsys.readouterr().out
    assert f"PyTorch {torch.__version__}" in text
    lines = [line for line in text.splitlines() if line.startswith("| DY-ReLU")]
    half = len(lines) // 2
    assert half in (12, 18)  # 18 where a processor with AVX-512 runs the AVX2 version too
    assert [("allocator as it comes" in line) for line in lines] == [False] * half + [True] * half


def test_all_names_a_benchmark_that_fails_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    row = {"what": "w", "against": "a", "target": "", "ratio": 2.0, "ours_ms": None, "baseline_ms": None, "note": ""}
    answers = {"first": "none", "second": [row], "profile_step": "| profile |"}

    def run(name: str, function: str, **settings: object) -> object:
        if name == "first":
            raise RuntimeError("No module named 'onnx'")
        return answers[name]

    page = tmp_path / "page.md"
    parts = [
        f"<!-- {part} of tools/bench/all.py: {end} -->" for part in ("table", "profiles") for end in ("begin", "end")
    ]
    page.write_text("top\n{}\nold\n{}\nbetween\n{}\n{}\nlast\n".format(*parts))
    monkeypatch.setattr(bench_all, "BENCHES", {"first": (bench_all.KEPT,), "second": (bench_all.AS_IT_COMES,)})
    monkeypatch.setattr(bench_all, "run", run)
    monkeypatch.setattr(bench_all, "DOCS", page)
    assert bench_all.main(["--docs"]) == 1
    text = page.read_text()
    table = text[text.index(parts[0]) + len(parts[0]) : text.index(parts[1])].strip()
    assert table.endswith("| w | a |  | 2.00x |  |  |  |  |\n\n- first failed: No module named 'onnx'")
    assert "old" not in text
    assert f"{parts[1]}\nbetween\n{parts[2]}\n| profile |\n{parts[3]}\nlast\n" in text
    assert capsys.readouterr().out == f"{table}\n\n| profile |\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match="must hold"):
        bench_all.main(["--docs"])


def test_the_page_has_the_marks_that_its_command_fills() -> None:
    page = bench_all.DOCS.read_text(encoding="utf-8")
    for part in ("table", "profiles"):
        assert [page.count(f"<!-- {part} of tools/bench/all.py: {end} -->") for end in ("begin", "end")] == [1, 1]


def test_all_takes_all_rows_into_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench_all.main(["--docs", "--quick"])
    assert "neither --only nor --quick" in capsys.readouterr().err


def test_downscale_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(downscale, "PEOPLE", 1)
    downscale.main([])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "times |" in line]
    assert [row[:2] for row in rows] == [
        [f"| {scale} times", str(noise)] for scale in (4, 8) for noise in (0, 20, 40)
    ]
    assert all(float(cell.removesuffix(" |")) < 10 for row in rows for cell in row[2:])


def test_profiles_run() -> None:
    training, inference = profile_step.tables(quick=True).split("\n\n")
    for table in (training, inference):
        header, _, *rows = table.splitlines()
        assert header.endswith("ms | ReLU6 | plain (before) | ours (after) |")
        assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [*profile_step.GROUPS, "all"]
    assert "| batch norm | 0.0 |" in inference  # folded
    assert "| batch norm | 0.0 |" not in training


def test_profile_finds_the_group_of_each_operator() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), profile_step.mark(DyReLU(4, "C")))
    x = torch.randn(2, 3, 6, 5)
    times = profile_step.measure(lambda: layers(x).sum().backward(), steps=1)
    assert set(times) == set(profile_step.GROUPS)
    assert times["convolution"] > 0
    assert times["activation"] > 0
    assert times["optimizer"] == times["loss"] == times["batch norm"] == 0
    # What the plain DY-ReLU is made of, in the backward pass, belongs to it.
    assert profile_step.group_of(["aten::mul", "MulBackward0", "aten::mul", "DyReLU"]) == "activation"
    assert profile_step.group_of(["aten::mul", "MulBackward0", "aten::mul", "loss"]) == "loss"
    assert profile_step.group_of(["aten::add_", "Optimizer.step#Adam.step"]) == "optimizer"

"""`pose.load`. PyTorch is imported only for what needs it: files of `pose export` run without it."""

from __future__ import annotations

from pathlib import Path

from pose.inference.base import PredictorBase
from pose.inference.detector import DEFAULT_DETECTOR, Detector
from pose.runtime.errors import MissingPackage


def is_onnx(source: str | Path) -> bool:
    """Whether a name is that of a file of `pose export`, which needs no PyTorch."""
    return Path(source).suffix.lower() == ".onnx"


def load(
    source: str | Path,
    device: str = "auto",
    *,
    flip_test: bool = True,
    batch_size: int = 64,
    detector: str | Detector = DEFAULT_DETECTOR,
    threads: int | None = None,
) -> PredictorBase:
    """Load a predictor from a checkpoint, a run folder (its best weights), the demo model or an exported file.

    Its config and skeleton come with its weights, and batch norms are folded.

    Args:
        source: a .safetensors file of `pose train`, a run folder, "demo" for the small model that comes with the
            package, or an .onnx of `pose export`, which runs without PyTorch.
        device: "auto" (CUDA, else Apple's MPS, else the CPU), "cpu", "cuda", "cuda:N" or "mps"; an .onnx runs on the
            CPU.
        flip_test: average with the mirrored image; False takes half the time and is a little less exact. An .onnx has
            it inside or not, as it was exported; False is refused where it is inside.
        batch_size: boxes at a time; fewer need less memory.
        detector: what finds the people for `boxes="detect"`: "ssdlite", "fasterrcnn", an .onnx of
            `pose export-detector`, which needs no PyTorch, or a `Detector` of one's own. Loaded when it is first
            needed.
        threads: that run an .onnx, 0 for as many as there are cores, which is the default. PyTorch has one number
            for the whole program, `torch.set_num_threads`.
    Raises:
        FileNotFoundError, ValueError: no such file, not a checkpoint or exported file, or no such device.
    """
    if threads is not None and not is_onnx(source):
        raise ValueError(f"threads are of .onnx files, and {source} is none; call torch.set_num_threads({threads})")
    if is_onnx(source):
        from pose.inference.onnx_predictor import OnnxPredictor

        return OnnxPredictor.from_file(
            source,
            device=device,
            flip_test=flip_test,
            batch_size=batch_size,
            detector=detector,
            threads=threads or 0,
        )
    try:
        from pose.inference.torch_predictor import Predictor
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingPackage(f"{source}, which is no .onnx of `pose export`,", "torch") from None
    return Predictor.from_checkpoint(source, device, flip_test=flip_test, batch_size=batch_size, detector=detector)

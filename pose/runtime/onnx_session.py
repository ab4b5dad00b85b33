"""Start onnxruntime."""

from __future__ import annotations

from typing import Any

from pose.runtime.errors import MissingPackage


def start_session(source: str | bytes, *, name: str, threads: int) -> Any:
    """Load an ONNX file, or its bytes, into onnxruntime.

    Args:
        name: for messages.
        threads: 0 for as many as there are cores.
    Raises:
        MissingPackage: no onnxruntime.
        ValueError: nothing that it can run.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingPackage(name, "onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    # Threads that wait for the next call by spinning take whole cores from the program around it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a class of its own for each reason, in a module that is not public
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{name} is no ONNX file that onnxruntime can run, or a damaged one: {reason}") from None

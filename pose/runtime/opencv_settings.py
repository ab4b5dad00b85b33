"""What OpenCV reads from the environment when it is imported: with some values it ends the process without a word."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from pose.runtime.errors import ConfigError

# Those of OpenCV 5.0.0's own and of its modules that hold more than text.
FLAGS = [
    "BUFFER_AREA_ALWAYS_SAFE",
    "DUMP_CONFIG",
    "DUMP_ERRORS",
    "ENABLE_MEMALIGN",
    "OPENCL_CACHE_CLEANUP",
    "OPENCL_CACHE_ENABLE",
    "OPENCL_CACHE_LOCK_ENABLE",
    "OPENCL_CACHE_WRITE",
    "OPENCL_DISABLE_BUFFER_RECT_OPERATIONS",
    "OPENCL_ENABLE_MEM_USE_HOST_PTR",
    "OPENCL_VALIDATE_BINARY_PROGRAMS",
    "SKIP_CPU_BASELINE_CHECK",
    "TRACE",
    "TRACE_ITT_ENABLE",
    "TRACE_ITT_PARENT",
    "TRACE_SYNC_OPENCL",
    "VIDEOCAPTURE_DEBUG",
    "VIDEOIO_DEBUG",
    "VIDEOWRITER_DEBUG",
]
SIZES = [
    "IMGCODECS_AVIF_MAX_FILE_SIZE",
    "IMGCODECS_WEBP_MAX_FILE_SIZE",
    "IO_MAX_IMAGE_HEIGHT",
    "IO_MAX_IMAGE_PARAMS",
    "IO_MAX_IMAGE_PIXELS",
    "IO_MAX_IMAGE_WIDTH",
    "KMEANS_PARALLEL_GRANULARITY",
    "OPENCL_ALIGNMENT_MEM_USE_HOST_PTR",
    "THREAD_POOL_ACTIVE_WAIT_MAIN",
    "THREAD_POOL_ACTIVE_WAIT_PAUSE_LIMIT",
    "THREAD_POOL_ACTIVE_WAIT_THREADS_LIMIT",
    "THREAD_POOL_ACTIVE_WAIT_WORKER",
    "TRACE_DEPTH_OPENCV",
    "TRACE_MAX_CHILDREN",
    "TRACE_MAX_CHILDREN_OPENCV",
]
_KINDS = (
    (FLAGS, re.compile("[01]|[Tt]rue|TRUE|[Ff]alse|FALSE"), "0 or 1"),
    (SIZES, re.compile("[0-9]{1,18}([Kk][Bb]|[Mm][Bb])?"), "a whole number, which KB or MB may follow"),
)


def check_opencv_settings(environment: Mapping[str, str] = os.environ) -> None:
    """Look at the variables before OpenCV does.

    Raises:
        ConfigError: one has a value that OpenCV does not take.
    """
    for names, valid, expected in _KINDS:
        for name in (f"OPENCV_{short}" for short in names):
            value = environment.get(name)
            if value is not None and not valid.fullmatch(value):
                raise ConfigError(
                    f"the environment has {name}={value!r:.60}, with which OpenCV ends the process; expected "
                    f"{expected}: set that, or unset {name}"
                )

"""What pyproject.toml cannot declare: compiled kernels, which an install can do without, and the configs."""

import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CCompilerError, ExecError, PlatformError

FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"]
HEADER = "pose/csrc/processor.h"  # of all C files; naming it here puts it into source distributions


class BuildKernel(build_ext):
    """Build with OpenMP, else without (Apple's compiler has none), else not at all, which costs speed only."""

    def build_extension(self, ext: Extension) -> None:
        problem: Exception | None = None
        for openmp in (["-fopenmp"], []):
            ext.extra_compile_args, ext.extra_link_args = FLAGS + openmp, openmp
            try:
                return super().build_extension(ext)
            except (CCompilerError, ExecError, PlatformError, OSError) as error:
                problem = error
        self.warn(f"no C compiler for the fast CPU kernel {ext.name}, so PyTorch's operators do its work: {problem}")


class BuildWithConfigs(build_py):
    """Put configs/ into the package as pose/configs; an editable install finds them beside it."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "pose", "configs")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(Path(__file__).parent / "configs", target)


setup(
    # optional, and called by ctypes, so no Python modules.
    ext_modules=[
        Extension("pose.csrc._dyrelu", ["pose/csrc/dyrelu.c"], depends=[HEADER], optional=True),
        Extension("pose.csrc._heatmaps", ["pose/csrc/heatmaps.c"], depends=[HEADER], optional=True),
    ],
    cmdclass={"build_ext": BuildKernel, "build_py": BuildWithConfigs},
)

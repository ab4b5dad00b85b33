"""What pyproject.toml cannot declare: compiled kernels, which an install can do without, and the configs."""

import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CCompilerError, ExecError, PlatformError

FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"]
CSRC = "pose/csrc"
# Naming headers here puts them into source distributions.
HEADERS = [f"{CSRC}/{name}.h" for name in ("processor", "vectors", "dyrelu", "dyrelu_level", "dyrelu_passes")]
DYRELU = [f"{CSRC}/{name}.c" for name in ("dyrelu", "dyrelu_base", "dyrelu_avx2", "dyrelu_avx512")]


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
        self.warn(f"no C compiler for the fast CPU loop {ext.name}, so the plain path does its work: {problem}")


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
        Extension("pose.csrc._dyrelu", DYRELU, depends=HEADERS, optional=True),
        Extension("pose.csrc._heatmaps", [f"{CSRC}/heatmaps.c"], depends=HEADERS, optional=True),
        Extension("pose.csrc._strokes", [f"{CSRC}/strokes.c"], depends=HEADERS, optional=True),
    ],
    cmdclass={"build_ext": BuildKernel, "build_py": BuildWithConfigs},
)

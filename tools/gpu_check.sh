#!/usr/bin/env bash
# Checks what only a GPU can tell, in at most eight minutes, and writes one report: tools/gpu_check.sh [OUT]
# Needs one GPU, a C compiler and a Python with PyTorch for CUDA (PYTHON=...). Packages that it lacks are installed into
# it; where there is no network, from a folder of wheels: PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER, setuptools' among them.
# OUT (default: runs/gpu_check) gets report.md and the logs. What is left of the time trains the demo model's last stage.
set -uo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
out="${1:-runs/gpu_check}"
seconds=$((${MINUTES:-8} * 60))
failed=0
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

mkdir -p "$out"
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
    { echo "error: $python has no PyTorch with a CUDA device; set PYTHON=/path/to/python" >&2; exit 2; }
"$python" -c 'import albumentations, cv2, msgspec, pycocotools, pydantic, rich, safetensors, torchvision, typer, yaml
import pytest, pytest_timeout, xdist' ||
    "$python" -m pip install --quiet --disable-pip-version-check -e . pytest pytest-timeout pytest-xdist || exit 2
ls pose/csrc/_dyrelu*.so >/dev/null 2>&1 || "$python" setup.py -q build_ext --inplace ||
    echo "warning: the kernels for CPUs are not compiled, so decoding and targets take longer" >&2

left() { local s=$((seconds - SECONDS - 10)); echo $((s > 0 ? s : 0)); }

step() { # step TITLE LOG COMMAND...: runs within the time that is left, and writes the end of its output to the report
    local title="$1" log="$out/$2" code=0 started=$SECONDS
    shift 2
    if [ "$(left)" = 0 ]; then
        echo "no time left for: $title" | tee -a "$out/report.md"
        failed=1
        return
    fi
    echo "== $title"
    timeout --signal=INT --kill-after=20 "$(left)" "$@" >"$log" 2>&1 || code=$?
    tail -n 40 "$log"
    { echo; echo "## $title"; echo; echo "\`$*\`: exit code $code after $((SECONDS - started)) s"; echo; echo '```'
      tail -n 40 "$log"; echo '```'; } >>"$out/report.md"
    [ "$code" = 0 ] || [ "$code" = "${ALLOWED:-0}" ] || failed=1
}

{ echo "# What a GPU says"; echo; nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  "$python" -c 'import torch, triton; print(f"PyTorch {torch.__version__}, Triton {triton.__version__}")'
  git log -1 --format='commit %h of %as' 2>/dev/null; } >"$out/report.md"

for between in 0 1; do
    export POSE_TRITON=$between
    step "Kernels against the plain path in double precision, POSE_TRITON=$between" "kernels$between.log" \
        "$python" -m pytest tests/gpu/test_kernels.py -n 8 -o timeout=300 -rs --durations=3
    ALLOWED=124 step "Speed of layers and of training, POSE_TRITON=$between" "bench$between.log" \
        timeout 60 "$python" tools/bench/gpu.py
done
export POSE_TRITON=0
step "Precisions, NCCL, same seed, resume and inference" training.log \
    "$python" -m pytest tests/gpu/test_training.py -o timeout=300 -rs --durations=0
if [ "$(left)" -gt 60 ]; then # the end of the time stops it as Ctrl-C does: exit code 130
    ALLOWED=124 step "Training of the demo model's last stage" train.log "$python" -m pose train figures/demo_model model.init=demo \
        data.figures.train=3000 data.figures.val=100 data.root="$out/people" train.precision=bf16 --out "$out/run" --device cuda
fi
echo "report: $out/report.md"
exit $failed

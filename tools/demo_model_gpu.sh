#!/usr/bin/env bash
# Trains the model in the package on one GPU in a fixed time: tools/demo_model_gpu.sh [OUT]
# Needs a GPU, as many processors as can be had, and a Python (PYTHON=...) with PyTorch for CUDA and the packages of
# pyproject.toml. MINUTES (8) is shared between generating people (GENERATE, 40 %) and training on them; how many
# pictures and epochs that makes is measured on the way. It starts from INIT (the model in the package) and leaves
# OUT/demo.safetensors (OUT: runs/demo_model_gpu). Other overrides of the config follow: OUT train.lr=1e-3 ...
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
out="${1:-runs/demo_model_gpu}"
shift || true
seconds=$((${MINUTES:-8} * 60))
generate=$((seconds * ${GENERATE:-40} / 100))
workers="${WORKERS:-$(nproc)}"
init="${INIT:-pose/assets/demo.safetensors}"
start="${START:-10}" # seconds that a command takes to begin and to end, about
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1

"$python" -c 'import albumentations, cv2, msgspec, pycocotools, pydantic, rich, safetensors, torchvision, typer, yaml' ||
    { echo "error: $python lacks packages of pyproject.toml; install them, or set PYTHON=/path/to/python" >&2; exit 2; }
ls pose/csrc/_dyrelu*.so >/dev/null 2>&1 || "$python" setup.py -q build_ext --inplace ||
    echo "warning: the kernels for CPUs are not compiled, so targets and decoding take longer" >&2
mkdir -p "$out"
calculate() { awk "BEGIN { printf \"%d\", $1 }"; }
train() { # train RUN INIT EPOCHS MILESTONES [OVERRIDE...]
    local run="$1" init="$2" epochs="$3" milestones="$4"
    shift 4
    "$python" -m pose train configs/figures/demo_model.yaml --out "$run" data.root="$out/people" \
        data.figures.train="$pictures" data.figures.val="$few" model.init="$init" train.workers="$workers" \
        train.batch_size=256 train.lr=0.002 train.ema=0.998 train.precision=bf16 train.epochs="$epochs" \
        "train.milestones=[$milestones]" train.warmup_epochs=0.2 eval.every="$epochs" eval.batch_size=256 "$@"
}

few=$((workers * ${FEW:-24}))
started=$SECONDS
"$python" -m pose figures "$out/few" --level wild --train "$few" --val "$few" --workers "$workers"
took=$((SECONDS - started - start))
pictures=$(calculate "($generate - $SECONDS) * 2 * $few / ($took > 1 ? $took : 1) - $few")
[ "$pictures" -ge "$few" ] || pictures=$few
echo "$((2 * few)) pictures in $took s, so $pictures are made to train on"
"$python" -m pose figures "$out/people" --level wild --train "$pictures" --val "$few" --workers "$workers"

began=$SECONDS # the first epoch tells how many there is time for
train "$out/run1" "$init" 1 "" "$@"
epoch=$((SECONDS - began - start))
epochs=$(calculate "($seconds - $SECONDS - 2 * $start) / ($epoch > 1 ? $epoch : 1)")
[ "$epochs" -ge 1 ] || epochs=1
milestones=$(awk "BEGIN { a = int($epochs * 0.6); b = int($epochs * 0.85); if (a > 0 && b > a) print a \",\" b }")
echo "an epoch takes $epoch s: $epochs more in the $((seconds - SECONDS)) s that are left"
train "$out/run2" "$out/run1/last.safetensors" "$epochs" "$milestones" "$@"
cp "$out/run2/best.safetensors" "$out/demo.safetensors"
echo "$out/demo.safetensors after $SECONDS s"

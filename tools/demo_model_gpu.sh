#!/usr/bin/env bash
# Trains the model in the package on one GPU in a fixed time: tools/demo_model_gpu.sh [OUT]
# Needs a GPU, as many processors as can be had, and a Python (PYTHON=...) with PyTorch for CUDA and the packages of
# pyproject.toml. MINUTES (8) is shared between generating people (GENERATE, 40 %) and training on them; how many
# pictures and epochs that makes is measured first. It starts from INIT (the model in the package) and leaves
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
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1

"$python" -c 'import pose, albumentations, pycocotools, pydantic' ||
    { echo "error: $python lacks packages of pyproject.toml; install them, or set PYTHON=/path/to/python" >&2; exit 2; }
mkdir -p "$out"
calculate() { awk "BEGIN { printf \"%d\", $1 }"; }
train() { # train RUN PEOPLE_FOLDER PICTURES EPOCHS [OVERRIDE...]
    local run="$1" folder="$2" pictures="$3" epochs="$4"
    shift 4
    "$python" -m pose train configs/figures/demo_model.yaml --out "$run" data.root="$folder" \
        data.figures.train="$pictures" data.figures.val="$probe" model.init="$init" train.workers="$workers" \
        train.batch_size=256 train.lr=0.002 train.ema=0.998 train.precision="${PRECISION:-bf16}" train.epochs="$epochs" \
        "train.milestones=[$milestones]" train.warmup_epochs=0.2 eval.every="$epochs" eval.batch_size=256 "$@"
}

probe=$((workers * ${PROBE:-24}))
started=$SECONDS
"$python" -m pose figures "$out/probe" --level wild --train "$probe" --val "$probe" --workers "$workers"
took=$((SECONDS - started - ${START:-4}))
pictures=$(calculate "($generate - $SECONDS) * 2 * $probe / ($took > 1 ? $took : 1) - $probe")
[ "$pictures" -ge "$probe" ] || pictures=$probe
echo "$((2 * probe)) pictures in $took s after the start of the processes, so $pictures are made"
milestones="" train "$out/probe_run" "$out/probe" "$probe" 3 "$@"
"$python" -m pose figures "$out/people" --level wild --train "$pictures" --val "$probe" --workers "$workers"

people=$("$python" - "$out/people" <<'PY'
import json, sys
annotations = json.load(open(f"{sys.argv[1]}/annotations/person_keypoints_train.json"))["annotations"]
print(sum(a["num_keypoints"] >= 3 and a["area"] >= 400 for a in annotations))
PY
)
speed=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "images_per_s") c = i } END { printf "%d", $c }' \
    "$out/probe_run/metrics.csv")
epochs=$(calculate "($seconds - $SECONDS - ${START:-4} * 8) * $speed / $people")
[ "$epochs" -ge 1 ] || epochs=1
milestones=$(awk "BEGIN { a = int($epochs * 0.6); b = int($epochs * 0.85); if (a > 0 && b > a && b < $epochs) print a \",\" b }")
echo "$people people, $speed a second: $epochs epochs in the $((seconds - SECONDS)) s that are left"
train "$out/run" "$out/people" "$pictures" "$epochs" "$@"
cp "$out/run/best.safetensors" "$out/demo.safetensors"
echo "$out/demo.safetensors after $SECONDS s"

#!/usr/bin/env bash
# Trains the model in the package on generated people: some hours on two cores. Run again, it goes on where it was
# stopped. Each stage starts from the one before: upright people, then the wild level, first at a lower resolution and
# with the people of whom much can be seen.
. "$(dirname "$0")/common.sh"
install
export OMP_NUM_THREADS=1 # two processes, a core each

stage() {
    local run=runs/demo_model_$1
    shift
    if [ -f "$run/config.yaml" ]; then
        set -- --resume "$run"
    else
        set -- "$@" --out "$run"
    fi
    .venv/bin/torchrun --standalone --nproc_per_node=2 -m pose train "$@"
}

stage 1 configs/figures/demo_model_easy.yaml
stage 2 configs/figures/demo_model.yaml model.init=runs/demo_model_1 'model.input_size=[128,96]' \
    data.train.min_keypoints=10 data.train.min_area=2000 \
    train.batch_size=32 train.lr=0.003 train.epochs=7 'train.milestones=[]' eval.every=7
stage 3 configs/figures/demo_model.yaml model.init=runs/demo_model_2 'model.input_size=[128,96]' \
    data.train.min_keypoints=6 data.train.min_area=1000 \
    train.lr=0.002 train.epochs=10 'train.milestones=[8]' eval.every=10
stage 4 configs/figures/demo_model.yaml
# At a high rate again, with wider Gaussians: what the network knows by then is far from all that these people teach.
stage 5 configs/figures/demo_model.yaml model.init=runs/demo_model_4 model.codec=dark model.sigma=1.5 \
    train.lr=0.0025 train.ema=0.997 train.warmup_epochs=1 train.epochs=20 'train.milestones=[10,14,17]' eval.every=20

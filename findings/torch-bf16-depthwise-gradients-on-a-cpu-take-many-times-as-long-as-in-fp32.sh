#!/usr/bin/env bash
# version: torch 2.14.1 (oneDNN 3.12.0), on a processor with avx512_bf16; with AMX and without it the same kernels are
# taken.
# Behaviour: the backward pass of a depthwise convolution in bf16 is not computed by the depthwise kernel that fp32 has,
# wherever the stride is 2 (the gradient of the input). A kernel for dense convolutions takes it (brgconv_strided), for
# which each group of one channel is filled up to a block of 16. Nothing warns of it, and the values are right. The
# forward pass has a depthwise kernel in both.
# Guess: bf16 is at least as fast as fp32 in every part of a step, as it multiplies twice to ten times as fast there,
# and the documentation recommends autocast with bf16 for training on such processors.
# Seen: input gradient of 96 channels of 28 x 20, kernel 5 x 5, stride 2, batch 16: jit_dw in fp32, brgconv_strided in
# bf16, in 46 to 56 times the processor time. With stride 1 it is jit_dw in both.
# Why it matters: MobileNet, EfficientNet and most small networks for keypoints are made of such layers. A training step
# of a MobileNetV3-Small for keypoints took 1.3 times as long in bf16 as in fp32 though its 1 x 1 convolutions were
# several times as fast; more than half of the step were the gradients of ten depthwise layers (those of weights of
# 5 x 5 take six times as long).
# Instead: an autograd function around the depthwise layers that runs their backward pass in fp32; the step then takes
# two thirds to five sixths of its time in fp32. ONEDNN_VERBOSE=1 tells which kernel is taken.
set -euo pipefail

if ! grep -q avx512_bf16 /proc/cpuinfo; then
    echo "this needs a processor with avx512_bf16" >&2
    exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6
cat >"$folder/step.py" <<'PY'
import sys
import time

import torch

torch.set_num_threads(1)
kind, stride = getattr(torch, sys.argv[1]), int(sys.argv[2])
times = int(sys.argv[3])
x = torch.randn(16, 96, 28, 20, dtype=kind).to(memory_format=torch.channels_last).requires_grad_()
w = torch.randn(96, 1, 5, 5, dtype=kind)
y = torch.nn.functional.conv2d(x, w, None, stride, 2, 1, 96)
dy = torch.randn_like(y)
best = 1e9
for _ in range(times):
    start = time.process_time()
    torch.autograd.grad(y, x, dy, retain_graph=True)
    best = min(best, time.process_time() - start)
print(f"seconds {best:.5f}")
PY

kernel() { # kernel TYPE STRIDE: what computes the gradient of the input
    ONEDNN_VERBOSE=1 "$folder/venv/bin/python" "$folder/step.py" "$1" "$2" 1 | tr ',' '\n' |
        grep -B1 '^backward_data$' | head -1 | cut -d: -f1
}
seconds() { "$folder/venv/bin/python" "$folder/step.py" "$1" "$2" 9 | cut -d' ' -f2; }

for type in float32 bfloat16; do
    for stride in 1 2; do
        echo "$type, stride $stride: $(kernel "$type" "$stride"), $(seconds "$type" "$stride") s"
    done
done
[ "$(kernel float32 1)" = jit_dw ]
[ "$(kernel float32 2)" = jit_dw ]
[ "$(kernel bfloat16 1)" = jit_dw ]
[ "$(kernel bfloat16 2)" = brgconv_strided ]
slower=$(awk -v a="$(seconds float32 2)" -v b="$(seconds bfloat16 2)" 'BEGIN { print b / a }')
echo "with stride 2 bf16 takes $slower times as long"
awk -v r="$slower" 'BEGIN { exit !(r > 3) }'
echo "as recorded"

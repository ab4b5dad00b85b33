#!/usr/bin/env bash
# Measured at version: ptflops 0.7.5, calflops 0.3.2, thop 0.1.1.post2209072238, torchinfo 1.8.0, fvcore 0.1.5.post20221221 (torch 2.14.1).
# Behaviour: counting the multiply-adds of a model changes the model, in another way by each counter, and none says so:
# ptflops and calflops leave a training model in eval() (dropout off, batch norms frozen from then on); thop and torchinfo set
# frozen parts (a batch norm or dropout put into eval() inside a training model) to train() again; thop adds "total_ops" and
# "total_params" to the state_dict, which another model refuses to load; fvcore, in training mode, moves the running statistics
# of the batch norms by its own input, since it runs the model in the mode in which it is.
# Guess: a counter looks and leaves things as they were; at least it restores the modes, since it has to set them.
# Why it matters: "print parameters and MACs, then train" is in every training script. After ptflops the whole training runs with
# batch norms that never learn their statistics; after thop a frozen backbone drifts; both look like a worse model.
# Instead: count a copy.deepcopy(model).eval(), or in another process.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.4.6 ptflops==0.7.5 calflops==0.3.2 \
    thop==0.1.1.post2209072238 torchinfo==1.8.0 fvcore==0.1.5.post20221221 transformers==5.23.0 accelerate==1.15.0
cd "$work"
HF_HUB_OFFLINE=1 "$work/venv/bin/python" -W ignore - <<'EOF' 2>&1 | grep -v "Unsupported operator"
import copy

import calflops
import ptflops
import thop
import torch
import torchinfo
from fvcore.nn import FlopCountAnalysis
from torch import nn

size = (3, 64, 48)
x = torch.randn(1, *size, generator=torch.Generator().manual_seed(0))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.frozen = nn.BatchNorm2d(8)
        self.head = nn.Conv2d(8, 17, 1)

    def forward(self, pictures):
        return self.head(self.frozen(torch.relu(self.norm(self.stem(pictures)))))


def make():
    torch.manual_seed(0)
    model = Model().train()
    model.frozen.eval()  # a part that is to stay as it is
    return model


counters = {
    "ptflops": lambda m: ptflops.get_model_complexity_info(m, size, as_strings=False, print_per_layer_stat=False),
    "calflops": lambda m: calflops.calculate_flops(m, input_shape=(1, *size), print_results=False),
    "thop": lambda m: thop.profile(m, inputs=(x,), verbose=False),
    "torchinfo": lambda m: torchinfo.summary(m, input_size=(1, *size), verbose=0),
    "fvcore": lambda m: FlopCountAnalysis(m, x).total(),
}
seen = {}
for name, count in counters.items():
    model = make()
    before = copy.deepcopy(model.state_dict())
    count(model)
    after = model.state_dict()
    seen[name] = {
        "model training": model.training,
        "batch norm training": model.norm.training,
        "frozen part training": model.frozen.training,
        "new in state_dict": sorted(set(after) - set(before)),
        "changed in state_dict": [k for k in before if not torch.equal(before[k], after[k])],
    }
    print(f"{name:10s}", seen[name])
for name in ("ptflops", "calflops"):
    assert not seen[name]["model training"] and not seen[name]["batch norm training"]
for name in ("thop", "torchinfo"):
    assert seen[name]["frozen part training"], seen[name]
assert seen["thop"]["new in state_dict"] == ["total_ops", "total_params"]
assert seen["fvcore"]["changed in state_dict"] == ["norm.running_mean", "norm.running_var", "norm.num_batches_tracked"]
print("all asserted")
EOF
echo "as recorded"

"""What the config schemas of both tasks have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from pose.layers.activations import Activation

# Bounds keep what a file says from overflowing libraries or filling the memory; no network comes near them.
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Side = Annotated[int, Field(ge=1, le=2048)]
Width = Annotated[float, Field(gt=0, le=4)]
ImageCount = Annotated[int, Field(ge=1, le=1_000_000)]
Probability = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, le=1e4)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """What differs from the defaults; `to_yaml` of a whole config shows all."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if field.is_required() or value != field.get_default(call_default_factory=True):
                yield name, value


class ActivationConfig(Section):
    """See `pose.layers.activations.Activation`; a bare name stands for `{name: NAME}`."""

    name: str = "default"
    """`default` is the network's own (ReLU6, h-swish); `dyrelu_a`, `dyrelu_b` and `dyrelu_c` are the paper's; others:
    `relu`, `relu6`, `hswish`, `rrelu`, `leaky_relu`, `prelu`, `prelu_shared`, `se_relu`, `maxout`. A bare name stands
    for the section."""
    sites: list[str] = ["a1", "a2", "a3"]
    """DY-ReLU: where it stands in a block: after the expansion (a1), the depthwise convolution (a2), the projection
    (a3)."""
    form: str = "trainable"
    """DY-ReLU: `trainable` starts as the function that the network had at its place, `literal` as the paper's text;
    see training_dyrelu.md."""
    reduction: Positive = 8
    """DY-ReLU and `se_relu`: by what the channels are divided in the hidden layer (R)."""
    num_pieces: int = Field(default=2, ge=1, le=16)
    """DY-ReLU and `maxout`: number of linear pieces (K)."""
    intercept: bool = True
    """DY-ReLU: whether the pieces have an intercept."""
    zero_piece: bool = False
    """DY-ReLU: the last piece is the constant 0."""
    alpha: list[float] | None = None
    """DY-ReLU: slopes to start from, one per piece; null for those of `form`."""
    beta: list[float] | None = None
    """DY-ReLU: intercepts to start from, one per piece; null for those of `form`."""
    lambda_a: float = 1.0
    """DY-ReLU: range of the slopes about `alpha`."""
    lambda_b: float = 0.5
    """DY-ReLU: range of the intercepts about `beta`."""
    gamma: float = Field(default=1 / 3, gt=0)
    """`dyrelu_c`: the spatial attention is this times the number of places times a softmax over them, at most 1."""
    tau: float = Field(default=10.0, gt=0)
    """`dyrelu_c`: temperature of that softmax."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _is_known(self) -> ActivationConfig:
        import torch  # here, as it takes long

        from pose.runtime.device import without_memory

        if not self.sites:
            raise ValueError("sites names no place; give some of a1, a2, a3, or another activation")
        activation = self.make()
        if activation.is_dynamic:
            with without_memory():  # numbers that do not fit together
                activation.at("a1", 8, default=torch.nn.Identity)
        return self

    def make(self) -> Activation:
        """What builds this activation's layers."""
        from pose.layers.activations import Activation

        return Activation(**self.model_dump())


class TrainConfig(Section):
    """`train` of both tasks; the defaults are the pose paper's recipe. See docs/training.md."""

    epochs: Positive = 210
    """Passes over the training data."""
    minutes: float | None = Field(default=None, gt=0, le=1e6)
    """Budget of time: training ends after so many minutes, or after `epochs` if these come first, and the epochs of
    `milestones`, `warmup_epochs` and a cosine become shares of it; null for no budget. See training.md."""
    patience: Positive | None = None
    """End after so many evaluations without a better one, not counting those at 0 before the first above it; null for
    never."""
    plateau: Positive | None = None
    """Multiply the rate by `lr_factor` after each so many evaluations without a better one, counted as for
    `patience`; null for never."""
    batch_size: Positive = 128
    """Samples of one update, however many parts it is computed in."""
    lr: Rate = 1e-3
    """Learning rate of Adam; of the classifier, of SGD with momentum."""
    milestones: list[Positive] = Field(default=[170, 200])
    """Epochs at which the rate is multiplied by `lr_factor`."""
    lr_factor: float = Field(default=0.1, gt=0, le=1)
    """What the rate is multiplied by at each milestone."""
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Over so many epochs the scheduled rate is multiplied by a line up to 1."""
    accumulate: Positive = 1
    """Parts in which a batch goes through the network, one after the other: takes less memory."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the network in training; `fp16` needs a CUDA device."""
    clip_grad_norm: float | None = Field(default=None, gt=0)
    """The gradient is shortened to this norm where it is longer; null for never."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Decay of a moving average of the weights, e.g. 0.999; null for none."""
    sync_batch_norm: bool = False
    """Several processes: batch norms see the whole batch; see distributed.md."""
    batch_per_process: bool = False
    """Several processes: `batch_size` and `lr` are of one of them; see distributed.md."""
    compile: bool = False
    """`torch.compile` the network for training; on a GPU only."""
    channels_last: bool = True
    """Memory layout of weights and images."""
    seed: Seed = 0
    """Of weights, order, augmentation and dropout."""
    workers: int | None = Field(default=None, ge=0, le=1024)
    """Loader processes; null chooses by the machine. The number changes no result."""
    checkpoint_minutes: float = Field(default=10, ge=0)
    """How often a state to resume from is saved within epochs; 0 for after each step."""
    max_skipped_batches: int = Field(default=0, ge=0, le=2**31 - 1)
    """How many batches whose loss or gradient is not finite may be left out; see reliability.md."""

    @model_validator(mode="after")
    def _is_consistent(self) -> TrainConfig:
        if sorted(set(self.milestones)) != self.milestones:
            raise ValueError(f"milestones are epochs in rising order, got {self.milestones}")
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate splits a batch, so batch_size {self.batch_size} is its most, got {self.accumulate}"
            )
        return self


def check_network(size: tuple[int, int], *, backbone: str, width: float, example: list[int]) -> None:
    """Raises ValueError for what a backbone cannot be built with."""
    from pose.models.factory import check_backbone  # here, as it loads torch

    check_backbone(backbone, width)
    if any(side % 32 for side in size):
        raise ValueError(f"input_size is [height, width], multiples of 32 such as {example}, got {list(size)}")

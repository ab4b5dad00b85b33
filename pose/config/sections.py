"""What the config schemas of both tasks have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from pose.layers.activations import Activation

# Bounds keep what a file says from overflowing libraries or filling the memory; no network comes near them.
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Side = Annotated[int, Field(ge=1, le=2048)]
Width = Annotated[float, Field(gt=0, le=4)]
Pictures = Annotated[int, Field(ge=1, le=1_000_000)]
Probability = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, le=1e4)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ActivationConfig(Section):
    """See `pose.layers.activations.Activation`; a bare name stands for `{name: NAME}`."""

    name: str = "default"
    sites: list[str] = ["a1", "a2", "a3"]
    form: str = "trainable"
    reduction: Positive = 8
    num_pieces: int = Field(default=2, ge=1, le=16)
    intercept: bool = True
    zero_piece: bool = False
    alpha: list[float] | None = None
    beta: list[float] | None = None
    lambda_a: float = 1.0
    lambda_b: float = 0.5
    gamma: float = Field(default=1 / 3, gt=0)
    tau: float = Field(default=10.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _is_known(self) -> ActivationConfig:
        import torch  # here, as it takes long

        if not self.sites:
            raise ValueError("sites names no place; give some of a1, a2, a3, or another activation")
        activation = self.make()
        if activation.is_dynamic:
            with torch.device("meta"):  # numbers that do not fit together; nothing is allocated or drawn
                activation.at("a1", 8, default=torch.nn.Identity)
        return self

    def make(self) -> Activation:
        """What builds this activation's layers."""
        from pose.layers.activations import Activation

        return Activation(**self.model_dump())


class TrainConfig(Section):
    """`train` of both tasks; the defaults are the pose paper's recipe. See docs/training.md."""

    epochs: Positive = 210
    batch_size: Positive = 128
    lr: Rate = 1e-3
    milestones: list[Positive] = Field(default=[170, 200])
    lr_factor: float = Field(default=0.1, gt=0, le=1)
    warmup_epochs: float = Field(default=0.0, ge=0)
    accumulate: Positive = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    clip_grad_norm: float | None = Field(default=None, gt=0)
    ema: float | None = Field(default=None, gt=0, lt=1)
    sync_batch_norm: bool = False
    batch_per_process: bool = False
    compile: bool = False
    channels_last: bool = True
    seed: Seed = 0
    workers: int | None = Field(default=None, ge=0, le=1024)
    checkpoint_minutes: float = Field(default=10, ge=0)
    max_skipped_batches: int = Field(default=0, ge=0, le=2**31 - 1)

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

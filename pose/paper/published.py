"""The paper's tables, each row as something that runs: a file in configs/ and overrides, beside what is printed.

Source: Chen et al., "Dynamic ReLU", ECCV 2020. None stands for values that our copy of the paper lost or never had.
"""

from __future__ import annotations

from dataclasses import dataclass

from pose.config.zoo import MODELS


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        label: what the paper varies.
        config: a file in configs/.
        overrides: overrides of its `model` section, without "model.".
        params, madds: as printed.
        score: as printed.
    """

    label: str
    config: str
    overrides: tuple[str, ...] = ()
    params: str | None = None
    madds: str | None = None
    score: str | None = None

    @property
    def command(self) -> str:
        """What follows `pose train`."""
        quoted = (f"'model.{text}'" if set("[, ") & set(text) else f"model.{text}" for text in self.overrides)
        return " ".join((f"configs/{self.config}", *quoted))


@dataclass(frozen=True)
class Table:
    name: str
    title: str
    score: str
    rows: tuple[Row, ...]


# stem of configs/imagenet/<stem>_{relu,dyrelu}.yaml: ReLU's and DY-ReLU-B's params, MAdds, top-1 / top-5
IMAGENET: dict[str, tuple[tuple[str | None, str, str], tuple[str | None, str, str]]] = {
    "mobilenet_v2_x1.0": (("3.5M", "300.0M", "72.0 / 91.0"), ("7.5M", "315.5M", "76.2 / 93.1")),
    "mobilenet_v2_x0.75": ((None, "209.0M", "69.8 / 89.6"), ("5.0M", "221.7M", "74.3 / 91.7")),
    "mobilenet_v2_x0.5": (("2.0M", "97.0M", "65.4 / 86.4"), ("3.1M", "104.5M", "70.3 / 89.3")),
    "mobilenet_v2_x0.35": (("1.7M", "59.2M", "60.3 / 82.9"), ("2.7M", "65.0M", "66.4 / 86.5")),
    "mobilenet_v3_large": (("5.4M", "219.0M", "75.2 / 92.2"), ("9.8M", "230.5M", "75.7 / 92.5")),
    "mobilenet_v3_small": (("2.9M", "66.0M", "67.4 / 86.4"), ("4.0M", "68.7M", "69.7 / 88.3")),
    "resnet50": (("23.5M", "3.8G", "76.2 / 92.9"), ("27.6M", "3.92G", "77.2 / 93.4")),
    "resnet34": (("21.3M", "3.6G", "73.3 / 91.4"), ("25.2M", "3.71G", "74.4 / 92.0")),
    "resnet18": (("11.1M", "1.81G", "69.8 / 89.1"), ("12.8M", "1.86G", "71.8 / 90.6")),
    "resnet10": (("5.2M", "0.89G", "63.0 / 84.7"), ("6.3M", "0.91G", "66.3 / 86.7")),
}


def imagenet_row(stem: str, *, dynamic: bool, label: str | None = None, top1: bool = False) -> Row:
    """Make a row of the ImageNet table, under another label where it returns in an ablation."""
    params, madds, score = IMAGENET[stem][dynamic]
    kind = "DY-ReLU-B" if dynamic else "ReLU"
    return Row(
        label or f"{stem} {kind}",
        f"imagenet/{stem}_{'dyrelu' if dynamic else 'relu'}.yaml",
        params=params,
        madds=madds,
        score=score.split(" / ")[0] if top1 else score,
    )


X035, X100 = "mobilenet_v2_x0.35", "mobilenet_v2_x1.0"


def _small(label: str, score: str, *overrides: str, params: str | None = None, madds: str | None = None) -> Row:
    """Make the row of a variation of DY-ReLU-B on MobileNetV2 x0.35."""
    settings = tuple(f"activation.{text}" for text in overrides)
    return Row(label, f"imagenet/{X035}_dyrelu.yaml", settings, params, madds, score)


def _related(stem: str, scores: dict[str, str | None], **printed: tuple[str | None, str | None]) -> tuple[Row, ...]:
    """Make the rows of tables 6 and 11: ReLU, its relatives, and DY-ReLU-B.

    Args:
        printed: params and MAdds by the label's first word.
    """
    settings: dict[str, tuple[str, ...]] = {
        "RReLU": ("activation=rrelu",),
        "LeakyReLU": ("activation=leaky_relu",),
        "PReLU (per channel)": ("activation=prelu",),
        "PReLU (shared)": ("activation=prelu_shared",),
        "SE + ReLU": ("activation=se_relu", "activation.reduction=4"),
        "Maxout (K = 2)": ("activation=maxout",),
        "Maxout (K = 3)": ("activation=maxout", "activation.num_pieces=3"),
    }
    rows = []
    for label, overrides in settings.items():
        params, madds = printed.get(label.split()[0], (None, None))
        rows.append(Row(label, f"imagenet/{stem}_relu.yaml", overrides, params, madds, scores[label]))
    three = ("activation.num_pieces=3",)
    dynamic = f"imagenet/{stem}_dyrelu.yaml"
    return (
        imagenet_row(stem, dynamic=False, label="ReLU", top1=True),
        *rows,
        imagenet_row(stem, dynamic=True, label="DY-ReLU-B (K = 2)", top1=True),
        Row("DY-ReLU-B (K = 3)", dynamic, three, *printed["DY"], scores["DY"]),
    )


RELU, DEFAULT = (
    imagenet_row(X035, dynamic=False, label="ReLU", top1=True),
    imagenet_row(X035, dynamic=True, label="DY-ReLU-B", top1=True),
)

# Rows: the backbone's variant; columns: the head's. The AP of Table 12.
PAIRS: dict[str, dict[str, str]] = {
    "ReLU": {"ReLU": "59.2", "A": "57.0", "B": "58.4", "C": "61.0"},
    "A": {"ReLU": "58.8", "A": "51.5", "B": "56.5", "C": "62.4"},
    "B": {"ReLU": "61.5", "A": "54.3", "B": "58.6", "C": "63.2"},
    "C": {"ReLU": "61.9", "A": "53.5", "B": "58.8", "C": "63.3"},
}
# Table 4: AP, AP.5, AP.75, AP M, AP L, AR of eight pairs.
EIGHT: dict[tuple[str, str], str] = {
    ("ReLU", "ReLU"): "59.2 84.3 66.4 56.2 65.0 65.6",
    ("A", "ReLU"): "58.8 84.6 65.3 56.2 64.4 65.4",
    ("B", "ReLU"): "61.5 85.8 68.9 58.5 67.5 67.9",
    ("C", "ReLU"): "61.9 86.0 69.2 59.2 67.5 68.3",
    ("ReLU", "A"): "57.0 83.7 63.5 54.1 62.6 63.6",
    ("ReLU", "B"): "58.4 83.8 64.9 55.5 64.2 64.6",
    ("ReLU", "C"): "61.0 85.2 68.6 58.0 67.1 67.3",
    ("C", "C"): "63.3 86.3 71.4 60.3 69.2 69.4",
}


def _pair(backbone: str, head: str, score: str) -> Row:
    names = {"ReLU": "default", "A": "dyrelu_a", "B": "dyrelu_b", "C": "dyrelu_c"}
    overrides = (f"activation={names[backbone]}", f"head.activation={names[head]}")
    kind = {("ReLU", "ReLU"): "relu", ("C", "C"): "dyrelu"}.get((backbone, head))
    if kind is None:
        return Row(f"{backbone} / {head}", "coco/mobilenet_v2_x0.5_relu.yaml", overrides, score=score)
    row = MODELS[f"mobilenet_v2_x0.5_{kind}"]
    return Row(f"{backbone} / {head}", f"coco/mobilenet_v2_x0.5_{kind}.yaml", (), row.params, row.madds, score)


TABLES: tuple[Table, ...] = (
    Table(
        "imagenet",
        "ImageNet classification (section 5.1)",
        "top-1 / top-5",
        tuple(imagenet_row(stem, dynamic=dynamic) for stem in IMAGENET for dynamic in (False, True)),
    ),
    Table(
        "3",
        "variants of DY-ReLU, MobileNetV2 x0.35 on ImageNet",
        "top-1",
        (RELU, _small("A", "63.3", "name=dyrelu_a"), _small("B", "66.4"), _small("C", "66.3", "name=dyrelu_c")),
    ),
    Table(
        "4",
        "variants in backbone / head, MobileNetV2 x0.5 on COCO",
        "AP AP.5 AP.75 AP M AP L AR",
        tuple(_pair(*pair, score) for pair, score in EIGHT.items()),
    ),
    Table(
        "6",
        "related activations, MobileNetV2 x0.35 on ImageNet",
        "top-1",
        _related(
            X035,
            {
                "RReLU": "60.0",
                "LeakyReLU": "60.9",
                "PReLU (per channel)": "62.0",
                "PReLU (shared)": "63.1",
                "SE + ReLU": "62.8",
                "Maxout (K = 2)": "64.9",
                "Maxout (K = 3)": "65.4",
                "DY": "66.6",
            },
            SE=("2.1M", None),
            DY=("3.1M", "67.8M"),
        ),
    ),
    Table(
        "7",
        "piecewise functions, MobileNetV2 x0.35 on ImageNet",
        "top-1",
        (
            RELU,
            _small("max(a x, 0)", "63.8", "zero_piece=true", "intercept=false"),
            _small("max(a x + b, 0)", "64.0", "zero_piece=true"),
            _small("K = 2 without b", "65.7", "intercept=false"),
            _small("K = 2", "66.4", params="2.7M", madds="65.0M"),
            _small("K = 3 without b", "65.9", "num_pieces=3", "intercept=false"),
            _small("K = 3", "66.6", "num_pieces=3", params="3.1M", madds="67.8M"),
        ),
    ),
    Table(
        "8",
        "layers and reduction, MobileNetV2 x0.35 on ImageNet",
        "top-1",
        (
            *(
                _small("".join(sites).upper(), score, f"sites=[{', '.join(sites)}]")
                for sites, score in (
                    (("a1",), "64.2"),
                    (("a2",), "65.3"),
                    (("a3",), "62.7"),
                    (("a1", "a2"), "66.2"),
                    (("a1", "a3"), "64.5"),
                    (("a2", "a3"), "65.9"),
                )
            ),
            _small("A1A2A3", "66.4"),
            *(
                _small(f"R = {reduction}", score, f"reduction={reduction}", params=params, madds=madds)
                for reduction, params, madds, score in (
                    (64, "2.0M", "64.3M", "65.0"),
                    (32, "2.1M", "64.4M", "65.5"),
                    (16, "2.3M", "64.6M", "65.9"),
                    (8, "2.7M", "65.0M", "66.4"),
                    (4, "3.6M", "65.9M", "66.5"),
                )
            ),
        ),
    ),
    Table(
        "9",
        "initial values and ranges, MobileNetV2 x0.35 on ImageNet",
        "top-1",
        (
            *(
                _small(f"{name} = ({first:g}, {second:g})", score, f"{name}=[{first}, {second}]")
                for name, first, second, score in (
                    ("alpha", 1.0, 0.0, "66.4"),
                    ("alpha", 1.5, 0.0, "65.7"),
                    ("alpha", 0.5, 0.0, "66.1"),
                    ("alpha", 0.0, 0.0, "does not converge"),
                    ("alpha", 1.0, -0.5, "65.2"),
                    ("alpha", 1.0, 0.5, "66.4"),
                    ("alpha", 1.0, 1.0, "66.0"),
                    ("beta", -0.1, 0.0, "66.4"),
                    ("beta", 0.1, 0.0, "66.2"),
                    ("beta", 0.0, -0.1, "65.8"),
                    ("beta", 0.0, 0.1, "65.3"),
                )
            ),
            *(
                _small(f"lambda_a = {value:g}", score, f"lambda_a={value}")
                for value, score in ((0.5, "65.3"), (1.0, "66.4"), (2.0, "66.3"), (3.0, "65.5"))
            ),
        ),
    ),
    Table(
        "10",
        "keypoints on COCO val2017",
        "AP",
        tuple(
            Row(name, f"coco/{name}.yaml", (), row.params, row.madds, f"{row.ap:.1f}") for name, row in MODELS.items()
        ),
    ),
    Table(
        "11",
        "related activations, MobileNetV2 x1.0 on ImageNet",
        "top-1",
        _related(
            X100,
            {
                "RReLU": "72.5",
                "LeakyReLU": "72.7",
                "PReLU (per channel)": "72.9",
                "PReLU (shared)": "73.3",
                "SE + ReLU": None,
                "Maxout (K = 2)": "75.1",
                "Maxout (K = 3)": "75.8",
                "DY": "76.2",
            },
            DY=("9.2M", "322.8M"),
        ),
    ),
    Table(
        "12",
        "all pairs of variants in backbone / head, MobileNetV2 x0.5 on COCO",
        "AP",
        tuple(_pair(backbone, head, score) for backbone, row in PAIRS.items() for head, score in row.items()),
    ),
)

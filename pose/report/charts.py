"""Small charts as SVG text: colors and type come from the page's style sheet, so they follow light and dark.

Every text that is not ours is escaped. Lengths are SVG units, about a pixel on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 38
SERIES_COLORS = 8  # .s0 to .s7 in the style sheet


@dataclass(frozen=True)
class Series:
    """A named line; x and y are equally long and finite. `style` is the number of its color."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    style: int = 0


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_range: tuple[float, float] | None = None,
    x_range: tuple[float, float] | None = None,
    whole: bool = False,
) -> str:
    """Lines over numbers (whole ones only are written, if `whole`).

    Where points are few they are marked, and each tells its value on hovering.
    """
    drawn = [s for s in series if len(s.x)]
    x_low, x_high = x_range or _bounds([v for s in drawn for v in s.x])
    y_ticks = ticks(*(y_range or _bounds([0.0, *(v for s in drawn for v in s.y)])))
    y_low, y_high = y_ticks[0], y_ticks[-1]
    x_ticks = [value for value in ticks(x_low, x_high) if not whole or value == int(value)]
    place_x = _Scale(x_low, x_high, LEFT, WIDTH - RIGHT)
    place_y = _Scale(y_low, y_high, HEIGHT - BOTTOM, TOP)
    parts = [_axes(place_x, place_y, x_ticks, y_ticks, x_label)]
    for s in drawn:
        style = f"s{s.style % SERIES_COLORS}"
        path = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in zip(s.x, s.y, strict=True))
        parts.append(f'<polyline class="line {style}" points="{path}"/>')
        if len(s.x) <= 60:
            parts += [
                f'<circle class="dot {style}" cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="2.6">'
                f"<title>{escape(s.name)}: {number(y)} at {number(x)}</title></circle>"
                for x, y in zip(s.x, s.y, strict=True)
            ]
    names = "".join(
        f'<span><i class="key s{s.style % SERIES_COLORS}"></i>{escape(s.name)}</span>' for s in drawn if s.name
    )
    return _figure("".join(parts), title=title, legend=names if len(drawn) > 1 else "")


def histogram(counts: Sequence[float], edges: Sequence[float], *, title: str, x_label: str) -> str:
    """Bars of `counts` between `edges`, one more of them."""
    y_ticks = ticks(0, max([*counts, 1]))
    place_x = _Scale(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    place_y = _Scale(0, y_ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [_axes(place_x, place_y, ticks(edges[0], edges[-1]), y_ticks, x_label)]
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        x, y = place_x(low) + 1, place_y(count)
        parts.append(
            f'<rect class="bar s0" x="{x:.1f}" y="{y:.1f}" width="{place_x(high) - x:.1f}" '
            f'height="{place_y(0) - y:.1f}"><title>{number(low)} to {number(high)}: {number(count)}</title></rect>'
        )
    return _figure("".join(parts), title=title)


def bars(rows: Sequence[tuple[str, float | None, str]], *, title: str, high: float = 1.0) -> str:
    """Horizontal bars of (label, value, note); a value of None has none."""
    step, label_width, note_width = 25, 124, 96
    scale = _Scale(0, high or 1.0, label_width, WIDTH - note_width)
    parts = []
    for index, (label, value, note) in enumerate(rows):
        y = 6 + index * step
        end = scale(min(max(value or 0.0, 0.0), high))
        parts.append(
            f'<text class="tick" x="{label_width - 8}" y="{y + 13}" text-anchor="end">{escape(label)}</text>'
        )
        parts.append(
            f'<rect class="track" x="{label_width}" y="{y}" width="{scale(high) - label_width}" height="17"/>'
        )
        parts.append(f'<rect class="bar s0" x="{label_width}" y="{y}" width="{end - label_width:.1f}" height="17"/>')
        parts.append(f'<text class="tick" x="{WIDTH - note_width + 8}" y="{y + 13}">{escape(note)}</text>')
    return _figure("".join(parts), title=title, height=12 + step * len(rows))


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round numbers that enclose low to high."""
    if not high > low:
        high = low + 1
    rough = (high - low) / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def number(value: float) -> str:
    """Up to four digits that matter; thousands are grouped."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.3f}".rstrip("0").rstrip(".") if 0.01 <= abs(value) < 1e4 else f"{value:.3g}"


class _Scale:
    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high if high > low else low + 1
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (0.0, 1.0)


def _axes(x: _Scale, y: _Scale, x_ticks: Sequence[float], y_ticks: Sequence[float], x_label: str) -> str:
    parts = []
    for value in y_ticks:
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{number(value)}</text>'
        )
    for value in x_ticks:
        if x.low - 1e-9 <= value <= x.high + 1e-9:
            anchor = "end" if x(value) > WIDTH - RIGHT - 8 else "middle"
            parts.append(
                f'<text class="tick" x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 16}" '
                f'text-anchor="{anchor}">{number(value)}</text>'
            )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="tick" x="{middle}" y="{HEIGHT - 5}" text-anchor="middle">{escape(x_label)}</text>')
    return "".join(parts)


def _figure(content: str, *, title: str, legend: str = "", height: int = HEIGHT) -> str:
    below = f'<div class="legend">{legend}</div>' if legend else ""
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="{escape(title, quote=True)}">{content}</svg>{below}</figure>'
    )

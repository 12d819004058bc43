"""Curves on logarithmic axes as SVG, readable on light and dark paper: no library, no script."""

import math
from collections.abc import Mapping
from xml.sax.saxutils import escape

from slope import Points

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 70, 210, 40, 50
COLOURS = ("#2a7ab9", "#d1662a", "#2f9e63", "#a65fc2", "#b8952b", "#cf4a6a", "#5b8f99")
STYLE = """text{font:13px sans-serif;fill:#333}.paper{fill:#fff}.grid{stroke:#ddd}
@media(prefers-color-scheme:dark){text{fill:#ddd}.paper{fill:#16191d}.grid{stroke:#333}}"""
LABEL_PIXELS = 15


def plot(title: str, across: str, upwards: str, curves: Mapping[str, Points]) -> str:
    """One picture; every curve has its name at its end, and a grey line has slope 1."""
    sizes = [size for points in curves.values() for size, _ in points]
    costs = [cost for points in curves.values() for _, cost in points]
    low, high = math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes)))
    floor, roof = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    high, roof = max(high, low + 1), max(roof, floor + 1)

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(cost: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(cost) - floor) / (roof - floor) * (HEIGHT - TOP - BOTTOM)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"><style>{STYLE}</style>',
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/><text x="{LEFT}" y="22">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(upwards)}</text>',
    ]
    for power in range(low, high + 1):
        lines.append(f'<path class="grid" d="M{x(10**power):.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        lines.append(f'<text x="{x(10**power):.1f}" y="{HEIGHT - 32}" text-anchor="middle">{10**power:,}</text>')
    for power in range(floor, roof + 1):
        at = y(10.0**power)
        lines.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    decades = min(high - low, roof - floor)
    end = (x(10.0**high), y(10.0 ** (floor + decades)))
    start = (x(10.0 ** (high - decades)), y(10.0**floor))
    lines.append(
        f'<path stroke="#888" stroke-dasharray="5 4" d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"/>'
    )
    names = sorted(curves, key=lambda name: y(curves[name][-1][1]))
    below = 0.0
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        path = "L".join(f"{x(size):.1f} {y(cost):.1f}" for size, cost in curves[name])
        below = max(y(curves[name][-1][1]) + 4, below + LABEL_PIXELS)
        lines.append(f'<path fill="none" stroke="{colour}" stroke-width="2" d="M{path}"/>')
        lines.append(f'<text x="{WIDTH - RIGHT + 8}" y="{below:.1f}" style="fill:{colour}">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"

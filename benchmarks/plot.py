# SPDX-License-Identifier: Apache-2.0
"""The results as one SVG: a group of bars per row, on a logarithmic scale each row has to itself."""
import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, BAR, GAP, GROUP = 960, 130, 150, 64, 16, 4, 46
COLOURS = {"floor": "#8a8f98", "vessel": "#0b6fbf"}
OTHER = "#d9a05b"
TEXT, GRID = "#1f2328", "#d8dce2"
FONT = "font-family=\"system-ui, 'DejaVu Sans', sans-serif\""


def label(value, unit):
    if unit == "kB":
        return f"{value:,.0f} kB"
    if value >= 1000:
        return f"{value / 1000:,.2f} s"
    return f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms"


def tick(power, unit):
    if unit == "kB":
        return f"{10 ** power:,} kB" if power >= 0 else f"{10.0 ** power} kB"
    return f"{10 ** (power - 3):,} s" if power >= 3 else f"{10.0 ** power:g} ms"


def text(x, y, words, size=12, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}" fill="{TEXT}">{escape(words)}</text>')


def rectangle(x, y, width, height, colour):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" rx="2" '
            f'fill="{colour}"/>')


def scale_of(values):
    """From the power of ten below the smallest to that above the largest."""
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    if math.log10(min(values)) - low < 0.15:
        low -= 1  # the shortest bar shall still be seen
    return low, max(high, low + 1)


def group(row, names, top):
    """One row's bars; returns its parts and its height."""
    results = row["results"]
    present = [name for name in names if name in results]
    medians = [results[name]["median"] for name in present]
    low, high = scale_of(medians)
    span = WIDTH - LEFT - RIGHT
    height = len(present) * (BAR + GAP)
    floor = results.get("floor", {}).get("median")
    parts = [text(16, top - 8, row["title"], 14, weight="600")]
    for power in range(low, high + 1):
        x = LEFT + span * (power - low) / (high - low)
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + height}" '
                     f'stroke="{GRID}"/>')
        parts.append(text(x, top + height + 11, tick(power, row["unit"]), 9, "middle"))
    for i, (name, median) in enumerate(zip(present, medians)):
        y = top + i * (BAR + GAP)
        length = span * (math.log10(median) - low) / (high - low)
        ratio = f" = {median / floor:,.1f} x floor" if floor and name != "floor" else ""
        weight = "600" if name == "vessel" else "normal"
        parts.append(text(LEFT - 8, y + BAR - 4, name, 12, "end", weight))
        parts.append(rectangle(LEFT, y, length, BAR, COLOURS.get(name, OTHER)))
        parts.append(text(LEFT + length + 6, y + BAR - 4, label(median, row["unit"]) + ratio, 11,
                          weight=weight))
    return parts, height


def svg(data, names):
    parts, top = [], TOP + 24
    for row in data["rows"]:
        if not set(row["results"]) - {"floor"}:
            continue
        more, height = group(row, names, top)
        parts += more
        top += height + GROUP
    subtitle = (f"medians of one run, contestants taking turns; {data['date']}, Linux "
                f"{data['kernel']}, {data['processors']} processors; logarithmic scales")
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" {FONT}>',
        f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>',
        text(16, 28, "What a container costs: less is better", 18, weight="600"),
        text(16, 48, subtitle, 11),
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"

"""The benchmark's table, chart and growth, from the lines that run.py has written."""

import math
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from statistics import median

LIMIT = 3.0  # what a full build, its start-up aside, may cost in floors
LABELS = {
    "start_up": "start-up",
    "full": "full build",
    "limited": "full build, limited memory",
    "quality": "quality beside it",
    "tests": "data tests beside it",
    "floor": "floor",
    "pandas": "pandas",
    "spark": "Spark, one machine",
    "one_day": "one day more",
    "near_real_time": "near real time",
    "no_change": "no change",
    "backfill": "backfill by month",
}
WITH_DBT = [  # start-up comes off
    "full", "limited", "quality", "tests", "one_day", "near_real_time", "no_change", "backfill",
]  # fmt: skip
MEASURED_IN = {
    "full": "floor",
    "pandas": "floor",
    "spark": "full",
    "limited": "full",
    "quality": "full",
    "tests": "full",
    "one_day": "full",
    "near_real_time": "full",
    "no_change": "full",
    "backfill": "full",
}
COLOURS = {
    "full": "#1f5fa8", "limited": "#7fa8d6", "floor": "#3d8f5f", "pandas": "#c2571a",
    "spark": "#d9a441",
    "one_day": "#7b4ea3", "near_real_time": "#b04a7c", "no_change": "#77808a",
    "backfill": "#4a6b8a",
    "quality": "#5b8fa8", "tests": "#a8a05b",
}  # fmt: skip
BAR = 40  # characters of the longest bar


@dataclass(frozen=True)
class Line:
    """One measurement at one size; wall and CPU less the start-up where dbt ran."""

    wall: float
    cpu: float
    memory: float
    written: float
    status: str

    @property
    def is_ok(self) -> bool:
        return self.status == "ok"


Lines = dict[int, dict[str, Line]]


def report(records: list[dict], folder: Path) -> bool:
    """Prints everything and writes the chart; false where marts differ or a run of dbt failed."""
    if not records:
        print("Nothing has been measured yet.")
        return True
    latest = latest_records(records)
    lines = summed_up(latest)
    for size, measured in lines.items():
        print_table(size, measured, latest[size])
        print_bars(measured)
    print_growth(lines)
    chart = folder / "benchmark.svg"
    chart.write_text(draw_chart(lines), encoding="utf-8")
    print(f"\nChart: {chart}")
    return all(
        record["status"] == "ok" or (name == "pandas" and not record["status"].startswith("failed"))
        for measured in latest.values()
        for name, rounds in measured.items()
        for record in rounds
    )


def latest_records(records: list[dict]) -> dict[int, dict[str, list[dict]]]:
    """Per size and measurement: the rounds of the latest run that has it."""
    latest: dict[int, dict[str, list[dict]]] = {}
    for record in records:
        rounds = latest.setdefault(record["customers"], {}).setdefault(record["measurement"], [])
        if rounds and rounds[-1]["run"] != record["run"]:
            rounds.clear()
        rounds.append(record)
    return dict(sorted(latest.items()))


def summed_up(latest: dict[int, dict[str, list[dict]]]) -> Lines:
    """Medians of the rounds."""
    lines: Lines = {}
    for size, measured in latest.items():
        start = _median(measured["start_up"]) if "start_up" in measured else None
        lines[size] = {}
        for name in LABELS:
            if name not in measured:
                continue
            line = _median(measured[name])
            if name in WITH_DBT and start:
                line = Line(
                    max(line.wall - start.wall, 0.0), max(line.cpu - start.cpu, 0.0),
                    line.memory, line.written, line.status,
                )  # fmt: skip
            lines[size][name] = line
    return lines


def _median(rounds: list[dict]) -> Line:
    failed = [record["status"] for record in rounds if record["status"] != "ok"]
    numbers = (
        median(record[name] for record in rounds) for name in ("wall", "cpu", "memory", "written")
    )
    return Line(*numbers, failed[0] if failed else "ok")


def print_table(size: int, measured: dict[str, Line], latest: dict[str, list[dict]]) -> None:
    about = next(iter(latest.values()))[-1]
    rows = f"{size:,} customers, {about['raw_rows']:,} raw rows"
    print(f"\n{rows} ({about['machine']}, {about['run']})")
    print(f"{'':<28}{'wall':>10}{'CPU':>10}{'memory':>10}{'written':>10}  wall and CPU compared")
    for name, line in measured.items():
        ratio = ""
        base = measured.get(MEASURED_IN.get(name, ""))
        if not line.is_ok:
            ratio = line.status
        elif base and base.is_ok:
            wall, cpu = line.wall / base.wall, line.cpu / base.cpu
            ratio = f"{wall:.2f} x, {cpu:.2f} x the {LABELS[MEASURED_IN[name]]}"
        print(
            f"{LABELS[name]:<28}{line.wall:>8.1f} s{line.cpu:>8.1f} s{line.memory:>7.2f} GB"
            f"{line.written:>7.2f} GB  {ratio}".rstrip()
        )
    if all(name in measured and measured[name].is_ok for name in ("full", "floor")):
        verdict = "within" if measured["full"].wall <= LIMIT * measured["floor"].wall else "ABOVE"
        print(f"The full build is {verdict} the limit of {LIMIT:g} floors.")
    if "comparison" in latest:
        same = latest["comparison"][-1]["status"] == "ok"
        print(f"The score marts {'are the same' if same else 'DIFFER'}.")


def print_bars(measured: dict[str, Line]) -> None:
    measured = {name: line for name, line in measured.items() if line.is_ok}
    longest = max((line.wall for line in measured.values()), default=0)
    print()
    for name, line in measured.items():
        bar = "#" * max(round(BAR * line.wall / longest), 1)
        print(f"  {LABELS[name]:<28}{bar:<{BAR + 2}}{_seconds(line.wall)}".rstrip())


def print_growth(lines: Lines) -> None:
    """By which power of the customers the costs grow: 1 is in proportion."""
    if len(lines) > 1:
        print("\nGrowth as a power of the customers (1: in proportion)")
    for low, high in pairwise(lines):
        for name in ("full", "floor", "pandas"):
            before, after = lines[low].get(name), lines[high].get(name)
            if before and after and before.is_ok and after.is_ok:
                powers = (
                    f"{what} {_slope(low, high, getattr(before, what), getattr(after, what))}"
                    for what in ("wall", "cpu", "memory", "written")
                )
                print(f"  {LABELS[name]}, {low:,} to {high:,}: {', '.join(powers)}")


def _slope(low: int, high: int, before: float, after: float) -> str:
    """The slope between two points, both axes logarithmic; nothing where one is zero."""
    if before <= 0 or after <= 0:
        return "-"
    return f"{math.log(after / before) / math.log(high / low):.2f}"


# The chart: two panels side by side, both axes logarithmic, one line per measurement.

PANEL, HEIGHT, TOP, BOTTOM, LEFT, RIGHT = 520, 420, 56, 44, 64, 178


def draw_chart(lines: Lines) -> str:
    panels = [
        draw_panel(0, "Wall time less dbt's start-up", _seconds, lines, "wall"),
        draw_panel(PANEL, "Peak memory", _gigabytes, lines, "memory"),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * PANEL} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12" fill="#333">\n'
        f'<rect width="{2 * PANEL}" height="{HEIGHT}" fill="white"/>\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def draw_panel(x: int, title: str, unit, lines: Lines, column: str) -> str:
    """One measure over the number of customers; lines end in their name."""
    series = {
        name: [
            (size, getattr(measured[name], column))
            for size, measured in lines.items()
            if name in measured and measured[name].is_ok and getattr(measured[name], column) > 0
        ]
        for name in COLOURS
    }
    values = [value for points in series.values() for _, value in points]
    sizes = list(lines)
    if not values:
        return ""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    left, right = x + LEFT, x + PANEL - RIGHT
    first, span = math.log10(sizes[0]), math.log10(sizes[-1]) - math.log10(sizes[0])

    def across(size: int) -> float:
        if not span:
            return (left + right) / 2
        return left + (right - left) * (math.log10(size) - first) / span

    def down(value: float) -> float:
        share = (math.log10(value) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    parts = [_text(x + LEFT, 28, title, "start", 'font-size="15" font-weight="bold"')]
    for power in range(low, high + 1):
        y = down(10.0**power)
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#ddd"/>')
        parts.append(_text(left - 8, y + 4, unit(10.0**power), "end"))
    for size in sizes:
        parts.append(_text(across(size), HEIGHT - BOTTOM + 20, f"{size:,}", "middle"))
    parts.append(_text((left + right) / 2, HEIGHT - 6, "customers", "middle", 'fill="#777"'))
    labels = []
    for name, points in series.items():
        places = [(across(size), down(value)) for size, value in points]
        if not places:
            continue
        path = "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in places)
        parts.append(f'<path d="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{COLOURS[name]}"/>'
            for px, py in places
        ]
        labels.append((places[-1][1] + 4, name, unit(points[-1][1])))
    floor = -math.inf
    for y, name, value in sorted(labels):
        floor = max(y, floor + 15)  # so that no two labels overlap
        text = f"{LABELS[name].removesuffix(' memory')} {value}"
        parts.append(_text(right + 10, floor, text, "start", f'fill="{COLOURS[name]}"'))
    return "\n".join(parts)


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 10 else f"{value:.2g} s"


def _gigabytes(value: float) -> str:
    return f"{value:.0f} GB" if value >= 10 else f"{value:.2g} GB"

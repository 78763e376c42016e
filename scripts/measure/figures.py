"""Figures of timed runs, as cells of a Markdown table."""
from __future__ import annotations

from statistics import median

SIDES = ("case", "jj-flow", "beside it", "ratio", "bar", "met?")


def spread(values: list[float], form: str, unit: str) -> str:
    return f"{median(values):{form}}{unit} ({min(values):{form}} to {max(values):{form}})"


class Pairs:
    """The milliseconds of both sides, run by run."""

    def __init__(self, ours: list[float], theirs: list[float]):
        self.ours, self.theirs = ours, theirs
        self.ratios = [a / b for a, b in zip(ours, theirs)]

    def cells(self) -> list[str]:
        return [*(spread(side, ".1f", " ms") for side in (self.ours, self.theirs)), spread(self.ratios, ".2f", "x")]

    def row(self, name: str, most: float | None = None, of: str = "x", memory: tuple[float, float] = (0, 0)) -> list[str]:
        """`most`, the bar, is a ratio (`of` is x), or ms that jj-flow takes (ms) or adds (+ms). `memory`: the MiB that it
        took, and may take (0: no bar)."""
        ours, theirs, ratio = self.cells()
        judged = self.ratios if of == "x" else self.ours
        if of == "+ms":
            judged = [a - b for a, b in zip(self.ours, self.theirs)]
            ratio = f"{spread(judged, '+.1f', ' ms')}; {median(self.ratios):.2f}x"
        bar = {"x": f"{most}x", "ms": f"{most} ms", "+ms": f"+{most} ms"}[of]
        took, may_take = memory
        name += f"; {took:.0f} MiB" if took else ""
        bar += f", {may_take:.0f} MiB" if may_take else ""
        is_met = most is None or median(judged) <= most and (not may_take or took <= may_take)
        met = "" if most is None else "yes" if is_met else "**no**"
        return [name, ours, theirs, ratio, "none" if most is None else f"at most {bar}", met]

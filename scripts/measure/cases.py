"""The cases, in the order of the report. Each makes a state, times both sides from there, and gives a row of its table."""
from __future__ import annotations

from measure.figures import SIDES

CASES = []  # name, heading of the table, whether --quick plays it, and the function


def case(name: str, table: tuple = SIDES, quick: bool = True):
    return lambda play: CASES.append((name, table, quick, play)) or play

"""Landings, beside the raw jj commands that one would type instead."""
from __future__ import annotations

from measure.cases import case
from measure.world import FLOW, World

GROWTH = ("size", "done, fast-forward", "raw", "ratio", "done, rebase", "raw", "ratio")
DONE = [["jj-flow", "done", FLOW]]
RAW = [["jj", "rebase", "-s", FLOW, "-o", "main"], ["jj", "bookmark", "move", "main", "--to", FLOW]]


@case("done-ff")
def done_ff(world: World) -> list[str]:
    world.flow()
    return world.pairs(DONE, RAW, landed=True).row("`done`, fast-forward, beside raw", 2.5)


@case("done-rebase")
def done_rebase(world: World) -> list[str]:
    world.flow(moved=True)
    return world.pairs(DONE, RAW, landed=True).row("`done`, rebase, beside raw", 3.5)


@case("done-verify")
def done_verify(world: World) -> list[str]:
    world.set("flow.hooks.verify", '["true"]')
    world.flow()
    return world.pairs(DONE, RAW, landed=True).row("`done`, fast-forward, verified with `true`, beside raw")


@case("done-verified")
def done_verified(world: World) -> list[str]:
    world.set("flow.hooks.verify", '["true"]')
    world.flow()
    world.run("jj-flow", "done", FLOW)
    world.run("jj-flow", "undo", FLOW)
    return world.pairs(DONE, RAW, landed=True).row("`done`, fast-forward, its tree verified before, beside raw")


def growth(commits: int, bookmarks: int = 0):
    def play(world: World) -> list[str]:
        row = [f"{commits:,} commits" + (f", {bookmarks:,} other bookmarks" if bookmarks else "")]
        for moved in (False, True):
            world.start(commits, bookmarks)
            world.flow(moved)
            row += world.pairs(DONE, RAW, (world.runs + 1) // 2, landed=True).cells()
        return row
    return play


for size in (10, 100, 1_000, 10_000):
    case(f"growth-commits-{size}", GROWTH, quick=size <= 100)(growth(size))
for size in (10, 100, 1_000):
    case(f"growth-bookmarks-{size}", GROWTH, quick=size <= 100)(growth(100, size))

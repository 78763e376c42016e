"""Many repos. The same one many times: what lies in each is its own, and so is its record."""
from __future__ import annotations

import os
from pathlib import Path

from measure.cases import case
from measure.figures import Pairs
from measure.world import World
from programs import say

FLEET = 1_000
FLOWS = 10
GROWTH = ("repos", "`sync --all`, nothing has changed", "every one has changed", "`xargs -P2` of `jj log`", "ratio")


class Fleet:
    """As many repos as there are, each with ten flows of one change. They outlive a case; which of them are known, and as
    they were when, is what each case begins with."""

    def __init__(self, world: World):
        say(f"  (making {FLEET:,} repos)")
        self.world, self.folder, self.moves = world, world.folder.parent / "fleet", 0
        for number in range(FLOWS):
            world.run("jj", "new", "main")
            world.commit(f"Work {number}")
            world.run("jj", "bookmark", "create", f"a8f2--research{chr(65 + number)}", "-r", "@-")
        self.folder.mkdir()
        self.repos = [self.folder / f"{number:04}" for number in range(FLEET)]
        for repo in self.repos:
            world.run("cp", "-R", str(world.repo), str(repo))
        self.known = self.know(FLEET)

    def know(self, repos: int) -> dict[Path, bytes]:
        """What jj-flow keeps where it knows the first so many of them."""
        self.put_back({})
        self.world.run("jj-flow", "repo", "scan", *map(str, self.repos[:repos]))
        return {path: path.read_bytes() for path in self.records()}

    def records(self) -> list[Path]:
        """Every file that jj-flow keeps: the registry's, and each repo's record."""
        paths = [*(self.world.home / ".local/share/jj-flow").glob("*"), *self.folder.glob("*/.jj/repo/flow/*")]
        return [path for path in paths if path.is_file()]

    def put_back(self, kept: dict[Path, bytes]) -> None:
        for path in self.records():
            if path not in kept:
                path.unlink()
        for path, content in kept.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)
        os.sync()

    def move(self, repos: list[Path]) -> None:
        """A flow of each moves to a new commit, by plain jj."""
        self.moves += 1
        for repo in repos:
            self.world.run("jj", "-R", str(repo), "describe", "-m", f"Better work {self.moves}", "a8f2--researchA")

    def log(self, repos: int = FLEET) -> list[str]:
        """`jj log` in each of the first so many, two at a time."""
        return ["sh", "-c", f"ls -d '{self.folder}'/* | head -n {repos} | xargs -P2 -I{{}} jj log -R {{}}"]

    def pairs(self, ours: list[str], theirs: list[str], kept: dict[Path, bytes]) -> Pairs:
        """Both sides in turn, each from the records that are `kept`."""
        times = ([], [])
        for _ in range(self.world.runs // 4 + 2):
            self.put_back(kept)
            times[0].append(self.world.time([ours]))
            times[1].append(self.world.time([theirs]))
        return Pairs(times[0][1:], times[1][1:])

    def row(self, name: str, kept: dict[Path, bytes], most: float | None, of: str = "x") -> list[str]:
        """`sync --all`, or `repo scan` where nothing is known."""
        ours = ["jj-flow", "sync", "--all"] if kept else ["jj-flow", "repo", "scan", str(self.folder)]
        pairs = self.pairs(ours, self.log(), kept)
        self.put_back(kept)
        return pairs.row(name, most, of, (self.world.memory(ours), 0))


def fleet(world: World) -> Fleet:
    if "fleet" not in world.made:
        world.made["fleet"] = Fleet(world)
    return world.made["fleet"]


@case("sync-cold", quick=False)
def sync_cold(world: World) -> list[str]:
    return fleet(world).row(f"`repo scan`, {FLEET:,} repos of {FLOWS} flows, none of them known", {}, None)


@case("sync-unchanged", quick=False)
def sync_unchanged(world: World) -> list[str]:
    known = fleet(world).known
    return fleet(world).row(f"`sync --all`, {FLEET:,} repos, nothing has changed", known, 200, "ms")


@case("sync-some", quick=False)
def sync_some(world: World) -> list[str]:
    many = fleet(world)
    many.move(many.repos[::100])
    return many.row(f"`sync --all`, {FLEET:,} repos, one in a hundred has changed", many.known, None)


@case("sync-changed", quick=False)
def sync_changed(world: World) -> list[str]:
    many = fleet(world)
    many.move(many.repos)
    return many.row(f"`sync --all`, {FLEET:,} repos, every one has changed", many.known, 0.5)


def growth(repos: int):
    @case(f"growth-repos-{repos}", GROWTH, quick=False)
    def play(world: World) -> list[str]:
        many = fleet(world)
        level = many.know(repos)
        same = many.pairs(["jj-flow", "sync", "--all"], ["jj-flow", "--version"], level)
        many.move(many.repos[:repos])
        changed = many.pairs(["jj-flow", "sync", "--all"], many.log(repos), level)
        return [f"{repos:,}", same.cells()[0], *changed.cells()]


for size in (10, 100, FLEET):
    growth(size)

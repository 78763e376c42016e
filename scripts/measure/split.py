"""Splitting a monorepo: 11,600 commits, a tenth of them merges, with a folder that two of five commits touch, twenty
components that share a quarter, and the rest outside of all. Packed as git packs it."""
from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from statistics import median

from measure.cases import case
from measure.figures import Pairs, spread
from measure.world import Failed, Skipped, World
from programs import say

SPLIT = ("case", "jj-flow", "of that jj's own", "the rest", "beside it", "takes", "bar of the rest", "met?")
COMMITS = 11_600
WORDS = [f"word{number}" for number in range(3_000)]


class Mono:
    """The history, made once; each case begins in a copy of the repo."""

    def __init__(self, world: World):
        say(f"  (making {COMMITS:,} commits)")
        self.chance, self.files = random.Random(5), {}
        self.kept = world.folder.parent / "mono"
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", self.kept], check=True)
        git = subprocess.Popen(["git", "-C", self.kept, "fast-import", "--quiet"], stdin=subprocess.PIPE, text=True)
        for number in range(1, COMMITS + 1):
            self.commit(git.stdin, number)
        git.stdin.close()
        if git.wait():
            raise Failed("git fast-import")
        for args in (["repack", "-adfq", "--window=20"], ["checkout", "--quiet", "main"]):
            subprocess.run(["git", "-C", self.kept, *args], check=True)

    def folder(self, root: str, count: int) -> list[str]:
        return [f"{root}/{('src', 'src/deep', 'tests', 'docs')[file % 4]}/file{file}.rs" for file in range(count)]

    def commit(self, out, number: int) -> None:
        at = f"Ada Agent <ada@example.com> {1_600_000_000 + number * 900} +0200"
        text = f"Change {number}\n\n{' '.join(self.chance.choices(WORDS, k=40))}\n"
        out.write(f"commit refs/heads/main\nmark :{number}\nauthor {at}\ncommitter {at}\ndata {len(text)}\n{text}")
        groups = {"cli": self.folder("cli", 160), "lib": self.folder("lib", 170)}
        groups |= {f"c{part}": self.folder(f"Components/c{part}", 24) for part in range(20)}
        if number == 1:
            for path in sum(groups.values(), []):
                lines = self.chance.randint(30, 600)
                self.files[path] = [" ".join(self.chance.choices(WORDS, k=9)) for _ in range(lines)]
                self.write(out, path)
            return
        merges = number % 10 == 3 and number > 4
        side = number % 10 == 2 and number > 4
        out.write(f"from :{number - 2 if side else number - 1}\n" + (f"merge :{number - 2}\n" if merges else ""))
        if merges:
            return
        which = self.chance.random()
        name = "cli" if which < 0.45 else f"c{self.chance.randrange(20)}" if which < 0.7 else "lib"
        for path in self.chance.sample(groups[name], self.chance.choice([1, 1, 2, 3, 5])):
            lines = self.files[path]
            for _ in range(self.chance.randint(1, 4)):
                lines[self.chance.randrange(len(lines))] = " ".join(self.chance.choices(WORDS, k=9))
            self.write(out, path)

    def write(self, out, path: str) -> None:
        text = "\n".join(self.files[path]) + "\n"
        out.write(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")

    def begin(self, world: World) -> None:
        shutil.rmtree(world.repo)
        shutil.copytree(self.kept, world.repo, symlinks=True)
        world.run("jj", "git", "init", "--colocate")


TIMES = 3  # how many of one folder's cost twenty may cost


def splitting(name: str, paths: list[str], most: float | None = None, beside: str = "", runs: int = 3):
    """Times `split` into a new folder, with jj's own part measured apart, beside what does a like thing in a fresh clone.
    `most`: the bar in ms of the rest, or, under 10, of the ratio to one folder's."""
    @case(name, SPLIT, quick=False)
    def play(world: World) -> list[str]:
        history = begin(world)
        if "subtree" in beside and subprocess.run(["git", "subtree", "-h"], capture_output=True).returncode != 129:
            raise Skipped("this git has no `git subtree`")
        into, clone = world.folder / "results", world.folder / "clone"
        times: tuple[list[float], ...] = ([], [], [])
        for turn in range(runs + 1):
            shutil.rmtree(into, ignore_errors=True)
            took, own = world.time([split(paths, into)]), init(world, into, clone)
            if turn:
                times[0].append(took), times[1].append(own)
        if beside and (shutil.which(beside.split()[0]) or "subtree" in beside):
            for _ in range(1 if "subtree" in beside else runs):
                shutil.rmtree(clone, ignore_errors=True)
                world.run("git", "clone", "--quiet", "--no-local", str(history.kept), str(clone))
                times[2].append(world.time([["sh", "-c", f"cd '{clone}' && {beside}"]]))
        rest = [a - b for a, b in zip(times[0], times[1])]
        world.made.setdefault("split-one", median(rest))
        if most == TIMES:
            most_ms, bar = TIMES * world.made["split-one"], f"{TIMES}x one folder"
        else:
            most_ms, bar = most, f"{most} ms" if most else "none"
        met = "" if most is None else "yes" if median(rest) <= most_ms else "**no**"
        what = f"split of {', '.join(paths) if len(paths) == 1 else f'{len(paths)} paths'}"
        told = [spread(side, ".0f", " ms") if side else "" for side in (*times[:2], rest, times[2])]
        return [what, *told[:3], beside and f"`{beside}`", told[3], bar, met]


def begin(world: World) -> Mono:
    if "mono" not in world.made:
        world.made["mono"] = Mono(world)
    world.made["mono"].begin(world)
    return world.made["mono"]


def split(paths: list[str], into: Path) -> list[str]:
    return ["jj-flow", "split", *paths, "--into", str(into)]


def init(world: World, into: Path, clone: Path) -> float:
    """The milliseconds that jj alone takes to make repos of the same git repos, check them out and set them up, as many at
    a time as there are cores, as `split` does."""
    shutil.rmtree(clone, ignore_errors=True)
    for made in sorted(path for path in into.iterdir() if (path / ".git").is_dir()):
        git = clone / made.name / ".git"
        shutil.copytree(made / ".git", git, symlinks=True)
        ask = {"capture_output": True, "text": True, "check": True}
        tip = subprocess.run(["git", f"--git-dir={git}", "rev-parse", "main"], **ask).stdout.strip()
        for ref in subprocess.run(["git", f"--git-dir={git}", "for-each-ref", "--format=%(refname)", "refs/jj"], **ask).stdout.split():
            subprocess.run(["git", f"--git-dir={git}", "update-ref", "-d", ref], check=True)
        (git / "HEAD").write_text("ref: refs/heads/unborn\n")
        (git / "index").unlink(missing_ok=True)
        (clone / made.name / "tip").write_text(tip)
    each = "cd {} && tip=$(cat tip) && rm tip && jj git init --colocate && jj new $tip && " \
           "jj --ignore-working-copy config set --repo flow.component x"
    return world.time([["sh", "-c", f"ls -d '{clone}'/* | xargs -P{os.cpu_count()} -I{{}} sh -c '{each}'"]])


def parts(number: int) -> list[str]:
    return [f"Components/c{part}" for part in range(number)]


splitting("split-one", ["cli"], 800, "git-filter-repo --quiet --force --subdirectory-filter cli")
splitting("split-part", parts(1))
splitting("split-twenty", parts(20), TIMES)
splitting("split-subtree", ["cli"], beside="git subtree split -q --prefix=cli", runs=1)


@case("split-again", quick=False)
def again(world: World) -> list[str]:
    begin(world)
    ours = split(["cli"], world.folder / "results")
    world.run(*ours)
    snapshot = ["jj", "util", "snapshot"]
    pairs = [[world.time([ours]), world.time([snapshot])] for _ in range(world.runs + 1)][1:]
    return Pairs(*map(list, zip(*pairs))).row("`split` again with nothing new, beside `jj util snapshot`", 50, "ms")

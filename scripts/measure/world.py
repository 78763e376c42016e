"""A scratch world, in which nobody's own config, registry or repo is in reach."""
from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from measure.figures import Pairs
from programs import Programs

FLOW = "a8f2--research"


PEAK = "import os, resource as r, sys; w = os.open(os.devnull, 1); a = sys.argv[1:]; " \
       "s = os.waitpid(os.posix_spawn(a[0], a, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, w, n) for n in (1, 2)]), 0)[1]; " \
       "print(r.getrusage(r.RUSAGE_CHILDREN).ru_maxrss); sys.exit(s != 0)"


class Failed(Exception):
    """A command failed, or did not do what it is measured for."""


class Skipped(Exception):
    """What a case is measured beside is not there."""


class World:
    """One home and one repo in a scratch folder, and the programs that run in them."""

    def __init__(self, scratch: Path, jj: Path, binary: Path, runs: int):
        self.folder, self.kept, self.runs = scratch / "world", scratch / "kept", runs
        self.home, self.repo = self.folder / "home", self.folder / "field"
        programs = Programs(scratch, jj, binary, self.home)
        self.programs = programs.paths
        self.env, self.shim_env = ({**env, "JJ_FLOW_UID": "a8f2"} for env in (programs.env, programs.shim_env))
        self.made = {}  # what is dear to make, and outlives a case
        self.said = os.open(scratch / "said", os.O_CREAT | os.O_RDWR | os.O_APPEND)
        self.wires = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                      *((os.POSIX_SPAWN_DUP2, self.said, to) for to in (1, 2))]

    def run(self, *argv: str) -> str:
        """Runs a command in the repo, untimed; what it said."""
        self.time([[*argv]])
        return self.heard()

    def heard(self) -> str:
        return os.pread(self.said, 1 << 20, 0).decode(errors="replace").strip()

    def time(self, commands: list[list[str]]) -> float:
        """Runs commands in the repo, one after the other; the milliseconds from first to last."""
        os.chdir(self.repo)
        os.ftruncate(self.said, 0)
        start = time.perf_counter()
        for name, *args in commands:
            argv, env = (["jj", *args], self.shim_env) if name == "shim" else ([name, *args], self.env)
            child = os.posix_spawn(self.programs.get(name) or shutil.which(name), argv, env, file_actions=self.wires)
            _, status = os.waitpid(child, 0)
            if status:
                raise Failed(f"`{' '.join(argv)}`: {self.heard()}")
        return (time.perf_counter() - start) * 1000

    def memory(self, argv: list[str]) -> float:
        """The MiB that a command takes at most. It is started by a small process of its own, since a child begins with the
        peak of its parent: what is smaller than that, some 10, cannot be told."""
        name, *args = argv
        peak = int(self.run(sys.executable, "-S", "-E", "-c", PEAK, str(self.programs[name]), *args))
        return peak / 1024 if sys.platform == "linux" else peak / 1024**2

    def pairs(self, ours: list[list[str]], theirs: list[list[str]], runs: int = 0, landed: bool = False) -> Pairs:
        """Times both sides in turn, each from the state that is there now. A first pair warms up and does not count;
        after it, `landed` looks whether both sides have brought the flow's change to main."""
        self.keep()
        times: tuple[list[float], list[float]] = ([], [])
        for turn in range((runs or self.runs) + 1):
            for side, commands in zip(times, (ours, theirs)):
                self.put_back()
                side.append(self.time(commands))
                if landed and turn == 0 and self.run(*"jj log --no-graph -r main -T description".split()) != "Work":
                    raise Failed(f"`{' '.join(commands[0])}` has not landed the flow")
        return Pairs(times[0][1:], times[1][1:])

    # Only files that have changed are put back, and folders stay the same ones: a repo in a new folder would be
    # one that has moved, and a timed command would wait for the disk to have what was copied.

    def keep(self) -> None:
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.folder, self.kept, symlinks=True)
        self.marks = {path.relative_to(self.folder): self.mark(path) for path in self.folder.rglob("*")}

    def mark(self, path: Path) -> tuple:
        stat = path.lstat()
        return (stat.st_ino,) if path.is_dir() else (stat.st_ino, stat.st_size, stat.st_mtime_ns)

    def put_back(self) -> None:
        for path in sorted(self.folder.rglob("*"), reverse=True):  # what is in a folder before the folder
            if self.marks.get(path.relative_to(self.folder)) != self.mark(path):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        for name in sorted(self.marks):
            path, kept = self.folder / name, self.kept / name
            if not os.path.lexists(path):
                path.mkdir() if kept.is_dir() else shutil.copy2(kept, path, follow_symlinks=False)
                self.marks[name] = self.mark(path)
        os.sync()

    def start(self, commits: int = 10, bookmarks: int = 0) -> None:
        """A new world. Its repo is colocated and has a hundred files, main on the last of its commits, and a side
        branch of one commit under each other bookmark."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.home / ".config/jj").mkdir(parents=True)
        self.repo.mkdir()
        stream = []
        for number in range(commits + bookmarks):
            branch, parent = ("main", "") if number < commits else (f"topic{number}", "from refs/heads/main\n")
            stream.append(f"commit refs/heads/{branch}\n"
                          f"committer Ada Agent <ada@example.com> {1700000000 + number} +0000\n"
                          f"data <<END\nChange {number}\nEND\n{parent}")
            for file in [number % 100] if number else range(100):
                stream.append(f"M 100644 inline notes/{file:02}.md\ndata <<END\nNote {number}\nEND\n")
        (self.folder / "stream").write_text("".join(stream))
        self.run("git", "init", "--quiet", "--initial-branch=main")
        self.run("sh", "-c", "git fast-import --quiet <../stream")
        self.run("git", "reset", "--quiet", "--hard", "main")
        self.run("jj", "git", "init", "--colocate")

    def flow(self, moved: bool = False) -> None:
        """A flow with one change; `moved`: main gets a commit meanwhile."""
        self.run("jj-flow", "new", "research")
        self.commit("Work")
        if moved:
            self.run("jj", "new", "main")
            self.commit("Meanwhile")
            self.run("jj", "bookmark", "move", "main", "--to", "@-")
            self.run("jj", "new", FLOW)

    def commit(self, message: str) -> None:
        (self.repo / f"{message}.md").write_text(message)
        self.run("jj", "commit", "-m", message)

    def set(self, setting: str, value: str) -> None:
        (self.home / ".config/jj/config.toml").write_text(f"{setting} = {value}\n")

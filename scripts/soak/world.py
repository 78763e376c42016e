"""The world of `stress`: its repos with what was done in them, their config, and the registry."""
from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import threading
from collections import Counter
from pathlib import Path

from programs import Programs

CONFIG = """
[user]
name = "Ada Agent"
email = "ada@example.com"
[ui]
paginate = "never"
color = "never"
editor = ["false"]
[snapshot]
auto-update-stale = true
[aliases]
flow = ["util", "exec", "--", "jj-flow", "--via-jj"]
[flow]
keep-merged = "40s"
keep-events = "20s"
"""
VERIFY = 'hooks.verify = "test ! -e broken"\n'
RESOLVE = """hooks.on-conflict = '''
case $JJ_FLOW_COMMIT in *[0-4]) exit 7;; esac
for file in shared*; do ! grep -q '<<<<<<<' $file || echo resolved by the hook >$file; done'''
"""
TOKEN = re.compile(r"t[0-9]+x[0-9]+y")


def exactly(bookmark: str) -> str:
    return f'bookmarks(exact:"{bookmark}")'


class Repo:
    """A repo, and what the agents have done in it."""

    def __init__(self, world, name: str, strong: bool, colocated: bool, remote: bool = False):
        self.world, self.name, self.strong, self.colocated, self.remote = world, name, strong, colocated, remote
        self.path = world.folder / name
        self.env = {"JJ_CONFIG": str(world.folder / f"{name}.toml")}
        self.workspaces = [self.path]
        self.tokens: dict[str, float] = {}  # each a file's name and text, and in a description; when it was begun
        self.given_up: set[str] = set()
        self.rewound = 0.0  # when somebody last took back what others did
        self.trunk: set[str] = set()  # the changes in it
        self.trunk_was_moved = False  # by a hint that was followed, in this round

    def jj(self, *args: str) -> str:
        return self.world.ask([str(self.world.programs["jj"]), "--ignore-working-copy", *args], self).stdout

    def lines(self, revset: str, template: str) -> list[list[str]]:
        text = self.jj("log", "--no-graph", "-r", revset, "-T", f'separate("\\t", {template}) ++ "\\n"')
        return [line.split("\t") for line in text.splitlines()]

    @property
    def id(self) -> str:
        try:
            return json.loads((self.path / ".jj/repo/flow/id.json").read_text())["id"]
        except OSError:
            return ""


class World:
    """A home, a registry and some repos, and what was done and found there."""

    def __init__(self, scratch: Path, jj: Path, binary: Path):
        self.folder, self.home = scratch / "world", scratch / "home"
        self.folder.mkdir(), self.home.mkdir()
        programs = Programs(scratch, jj, binary, self.home)
        self.programs, self.env, self.bare_env = programs.paths, programs.shim_env, programs.env
        for env in (self.env, self.bare_env):
            env.update(GIT_CONFIG_GLOBAL=str(self.home / "git"), GIT_TERMINAL_PROMPT="0", RUST_BACKTRACE="1")
        (self.home / "git").write_text("[user]\nname = Ada Agent\nemail = ada@example.com\n[init]\ndefaultBranch = main\n")
        self.registry = self.home / ".local/share/jj-flow/registry.db"
        self.log = open(scratch / "log", "a", buffering=1)
        self.lock, self.counts, self.notes = threading.Lock(), Counter(), Counter()
        self.kills, self.killed, self.doctor = 0, 0, {}  # in all, in this round; what doctor found at first
        self.findings: list[str] = []
        self.agents: list = []

    def ask(self, argv: list[str], repo: Repo | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess:
        """Runs a command that nobody disturbs."""
        env = {**self.bare_env, "JJ_FLOW_UID": "c0de", **(repo.env if repo else {})}
        return subprocess.run(argv, cwd=cwd or (repo.path if repo else self.folder), env=env, capture_output=True, text=True)

    def must(self, *argv: str, repo: Repo | None = None) -> str:
        ran = self.ask(list(argv), repo)
        if ran.returncode:
            raise SystemExit(f"Error: Could not set up: `{' '.join(argv)}`: {ran.stderr}")
        return ran.stdout

    def rows(self, sql: str, *values: str) -> list[tuple]:
        if not self.registry.exists():
            return []
        with sqlite3.connect(f"file:{self.registry}?mode=ro", uri=True, timeout=60) as db:
            found = db.execute(sql, values).fetchall()
        db.close()
        return found

    def find(self, repo: Repo | None, text: str) -> None:
        trails = sorted(line for agent in self.agents for line in agent.trail if repo is None or f" {repo.name}" in line)
        with self.lock:
            at = f"{repo.path}: " if repo else ""
            self.findings.append("\n    ".join([f"{at}{text}", *trails[-30:]]))
            self.log.write(f"FINDING {at}{text}\n")

    def set_up(self, agents: int) -> list[Repo]:
        hub = self.folder / "hub.git"
        self.must("git", "init", "--quiet", "--bare", str(hub))
        hooks = {"field": VERIFY + RESOLVE, "left": VERIFY, "right": RESOLVE, "wild": RESOLVE, "inner": VERIFY}
        repos = [Repo(self, "field", True, True), Repo(self, "left", True, True, True), Repo(self, "right", True, False, True),
                 Repo(self, "wild", False, True), Repo(self, "inner", False, False)]
        for repo in repos:
            (self.folder / f"{repo.name}.toml").write_text(CONFIG + hooks[repo.name])
            colocate = "--colocate" if repo.colocated else "--no-colocate"
            if repo.name == "right":
                self.must("jj", "git", "clone", colocate, str(hub), str(repo.path), repo=repos[1])
            else:
                self.must("jj", "git", "init", colocate, str(repo.path))
                for number in range(3):
                    (repo.path / f"shared{number}").write_text("base\n")
                self.must("jj", "commit", "-m", "base", repo=repo)
                self.must("jj", "bookmark", "create", "main", "-r", "@-", repo=repo)
            if repo.name == "left":
                self.must("jj", "git", "remote", "add", "origin", str(hub), repo=repo)
                self.must("jj", "git", "push", "--remote=origin", "--bookmark=main", repo=repo)
            for number in range(1, agents if repo.strong else 2):
                path = self.folder / f"{repo.name}-{number}"
                self.must("jj", "workspace", "add", "-r", "main", str(path), repo=repo)
                repo.workspaces.append(path)
        return repos

"""An agent of `stress`: a thread that runs one command after the other, and looks at how each of them ends."""
from __future__ import annotations

import collections
import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

from soak.world import Repo, World

ALLOWED = {0, 1, 3, 4, 5, 6}
CRIES = re.compile(r"panicked|internal error|stack backtrace|RUST_BACKTRACE", re.I)
FAILPOINTS = ["planned", "sealing", "sealed", "verified", "journalled", "published", "read-back", "brought-along", "recorded",
              "pushed", "undo-journalled", "undo-published", "conflict-journalled", "conflict-published", "resolver-added",
              "resolver-ran", "resolver-squashed", "restacked", "abort-published"]
HUNG = 180  # seconds


class Ran:
    """A command that has ended: its exit code, and what it printed as JSON."""

    def __init__(self, code: int):
        self.code, self.json = code, {}


class Agent:
    def __init__(self, world: World, repos: list[Repo], number: int, seed: str):
        self.world, self.repos, self.number = world, repos, number
        self.rng = random.Random(f"{seed}/{number}")
        self.trail: collections.deque[str] = collections.deque(maxlen=14)
        self.made = 0
        # Every other one is known by its session alone, for which jj-flow finds a uid.
        self.who = {"JJ_FLOW_SESSION": f"session {number}"} if number % 2 else {"JJ_FLOW_UID": f"a8f{number:x}"}
        self.repo, self.at = repos[0], repos[0].path
        self.files = [open(world.folder.parent / f"agent{number}.{end}", "w+b") for end in ("out", "err")]
        self.uid = self.who.get("JJ_FLOW_UID") or world.must("env", "-u", "JJ_FLOW_UID", f"JJ_FLOW_SESSION=session {number}",
                                                             str(world.programs["jj-flow"]), "uid", repo=self.repo).strip()

    def chance(self, of: float) -> bool:
        return self.rng.random() < of

    # Running commands.

    def run(self, kind: str, argv: list[str], may: set[int] = ALLOWED, bare: bool = False) -> Ran:
        """Runs a command as a process group of its own. It may be killed, and it may exit with `may`."""
        env = {**(self.world.bare_env if bare else self.world.env), **self.repo.env, **self.who}
        killing, delay, point = self.chance(0.06), self.rng.random() * 0.7, self.rng.choice(FAILPOINTS)
        if self.chance(0.4) and killing and argv[0] == "jj-flow":
            env["JJ_FLOW_FAILPOINT"], delay = point, HUNG
        for file in self.files:
            file.seek(0), file.truncate()
        started = time.time()
        out, err = self.files
        child = subprocess.Popen(argv, cwd=self.at, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                 start_new_session=True)
        killed = False
        try:
            child.wait(delay if killing else HUNG)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            killed = killing and delay < HUNG
            child.wait()
            if not killed:
                self.world.find(self.repo, f"hung for {HUNG} s: {argv}")
        killed |= "JJ_FLOW_FAILPOINT" in env and child.returncode == -signal.SIGKILL
        out, err = (Path(file.name).read_text(errors="replace") for file in self.files)
        ran = Ran(child.returncode)
        first = next((line for line in err.splitlines() if line.startswith(("Error", "error"))), err.strip().split("\n")[0])
        point = f" [{env['JJ_FLOW_FAILPOINT']}]" if "JJ_FLOW_FAILPOINT" in env else ""
        argv = ["real-jj" if word == str(self.world.programs["jj"]) else word for word in argv]
        ending = "killed" if killed else child.returncode
        line = (f"{started % 10000:.2f}+{time.time() - started:.2f} agent {self.number} {self.at.name}$ "
                f"{' '.join(argv)}{point} -> {ending}")
        self.trail.append(line)
        self.world.log.write(f"{line} {first}\n")
        with self.world.lock:
            self.world.killed += killed
            self.world.kills += killed
            what = "killed" if killed else {0: "ok", 5: "busy"}.get(ran.code, "refused")
            self.world.counts[kind, what] += 1
            self.world.notes[f"exit {ran.code}"] += not killed and ran.code not in (0, 1)
        if "Concurrent checkout" in err and not self.repo.strong:
            self.world.notes["checkouts at the same moment in a shared folder"] += 1
        elif "might need manual deletion" in err and self.world.killed:
            self.world.notes["kept out by a lock of git's that a kill left"] += 1
        elif not killed and (ran.code not in may or CRIES.search(err)):
            self.world.find(self.repo, f"{line}\n{err[-3000:]}")
        if "--json" in argv and not killed:
            try:
                ran.json = json.loads(out)
                if error := ran.json.get("error"):
                    self.world.notes[f"refused: {error['code']}"] += 1
                if ran.json["schema"] != 1 or not isinstance(ran.json["ok"], bool):
                    raise ValueError("no schema 1")
            except (ValueError, KeyError) as error:
                self.world.find(self.repo, f"{line}\n--json: {error}: {out[-2000:]}")
        return ran

    def flow(self, kind: str, *args: str, may: set[int] = ALLOWED) -> Ran:
        """Runs a jj-flow command: by its name, through the shim, or by jj's alias; often asked for JSON."""
        form = self.rng.choice([["jj-flow"], ["jj-flow"], ["jj", "flow"], [str(self.world.programs["jj"]), "flow"]])
        ran = self.run(kind, [*form, *args, *(["--json"] if self.chance(0.5) else [])], may)
        hint = (ran.json.get("error") or {}).get("hint") or ""
        if ran.code == 1 and self.chance(0.3) and hint.startswith("jj ") and "'what went wrong'" not in hint:
            self.repo.trunk_was_moved |= "--onto" in hint or "bookmark" in hint
            self.run("hint", ["sh", "-c", hint], ALLOWED | {2})
        return ran

    def plain(self, kind: str, *args: str) -> Ran:
        """Runs a jj command, through the shim or past it."""
        bare = self.chance(0.4)
        return self.run(kind, [str(self.world.programs["jj"]) if bare else "jj", *args], {0, 1, 2}, bare)

    def flows(self, *statuses: str) -> list[str]:
        """The agent's own flows here, those last touched first; in the wild ones those of all."""
        sql = "SELECT bookmark, status, uid FROM FlowRegistry WHERE repo = ? AND gone_at IS NULL ORDER BY updated_at DESC, id"
        rows = self.world.rows(sql, self.repo.id)
        return [name for name, status, uid in rows if (not statuses or status in statuses) and
                (uid == self.uid or not self.repo.strong)]

    def one(self, of: list[str]) -> str | None:
        """One of them, more often one of the first; none where there is none."""
        drawn = self.rng.random() ** 3
        return of[int(drawn * len(of))] if of else None

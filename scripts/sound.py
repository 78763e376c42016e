"""The world of `stress`: its repos, and what must hold of them, the registry and the journals while nobody is at work."""
from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
import stat
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from programs import Programs

# Everything in the registry that a journal holds too, without the database's own numbers.
DUMP = [
    "SELECT repo, bookmark, uid, component, intent, subflow, status, change_id, commit_id, parent_flow, actor, reason, "
    "created_at, updated_at, gone_at FROM FlowRegistry ORDER BY repo, id",
    "SELECT e.repo, f.bookmark, e.key, e.at, e.actor, e.kind, e.status_from, e.status_to, e.reason, e.operation, e.line "
    "FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow ORDER BY e.repo, e.id",
    "SELECT f.repo, f.bookmark, l.key, l.parent, l.state, l.operation, l.parent_from, l.parent_to, l.tip_change, l.changes, "
    "l.settled_at, l.verification, l.remote, l.undone_at FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow "
    "ORDER BY f.repo, l.id",
    "SELECT repo, key, tree, command, passed, ending, at FROM verifications ORDER BY repo, id",
    "SELECT f.repo, f.bookmark, c.key, c.parent, c.state, c.line, c.at, c.closed_at FROM conflicts AS c "
    "JOIN FlowRegistry AS f ON f.id = c.flow ORDER BY f.repo, c.id"]

# What no repo may have a row of.
NEVER = {
    "a landing is not settled":
        "SELECT f.bookmark, l.key, l.state FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow "
        "WHERE l.state IN ('planned', 'undoing') AND f.repo = ?",
    "a flow is merged, or not, against its last landing":
        "SELECT f.bookmark, f.status, l.state FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow "
        "WHERE f.gone_at IS NULL AND l.id = (SELECT max(id) FROM landings WHERE flow = f.id) "
        "AND (f.status = 'merged') <> (l.state IN ('landed', 'elsewhere')) AND f.repo = ?",
    "a status is not what its events come to":
        "SELECT f.bookmark, f.status, e.status_to FROM FlowRegistry AS f JOIN events AS e ON e.id = (SELECT max(id) "
        "FROM events WHERE flow = f.id AND status_to IS NOT NULL) WHERE f.status <> e.status_to AND f.repo = ?",
    "one operation has made the same event twice":
        "SELECT f.bookmark, e.kind, e.operation, count(*) FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow "
        "WHERE e.operation IS NOT NULL AND e.kind IN ('created', 'moved', 'deleted', 'renamed', 'landed', 'undone') "
        "AND f.repo = ? GROUP BY e.flow, e.kind, e.operation, json_extract(e.line, '$.tip.commit') HAVING count(*) > 1"}

# What doctor may find: conflicts and shells that wait for somebody.
KNOWN = {"conflict-waiting", "conflicts-elsewhere"}

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


def check(world, repos) -> None:
    """All of it. Each repo first gets the next command that anybody might run there."""
    if world.killed:
        time.sleep(1)  # a hook whose jj-flow was killed ends by itself
    for repo in repos:
        sweep(world, repo)
        settle(world, repo)
    for repo in repos:
        if repo.id:
            for look in (flows, refs, trunk, nothing_lost, divergent, files, doctor):
                look(world, repo)
        repo.trunk_was_moved = False
    registry(world)
    left_over(world)
    rebuilt(world)
    world.killed = 0


def sweep(world, repo) -> None:
    """Locks of git's that a killed jj or git has left, which a person would remove too."""
    for folder in (repo.path / ".git", repo.path / ".jj/repo/store/git"):
        for lock in folder.rglob("*.lock") if folder.is_dir() else ():
            lock.unlink()
            world.notes["git's locks left by a kill"] += 1
            if not world.killed:
                world.find(repo, f"{lock} was left, and nobody was killed")


def settle(world, repo) -> None:
    """Settles it as the next commands there would: what a kill or another workspace's jj has not exported to git, an
    operation in the default workspace does."""
    ran = world.ask([str(world.programs["jj-flow"]), "sync", "--json"], repo)
    if ran.returncode:
        world.find(repo, f"the settling sync exits {ran.returncode}: {ran.stdout}{ran.stderr}")
    if len(heads := list((repo.path / ".jj/repo/op_heads/heads").iterdir())) != 1:
        world.find(repo, f"{len(heads)} operation heads after a sync")
    again = world.ask([str(world.programs["jj-flow"]), "sync", "--json"], repo).stdout
    if '"events": 0' not in again and '"events":0' not in again:
        world.find(repo, f"a sync after a sync still finds something: {again}")
    if wrong := [line for line in mismatched(repo) if line.startswith("main ") and repo.strong and not world.killed]:
        world.find(repo, f"main has landings that git does not know of: {wrong}")
    for words in ("bookmark create stress-level", "bookmark delete stress-level"):
        world.ask([str(world.programs["jj"]), *words.split()], repo)
    world.ask([str(world.programs["jj-flow"]), "sync"], repo)


def flows(world, repo) -> None:
    """Each flow has a row that says where it is, and what is merged is in its parent."""
    for what, sql in NEVER.items():
        if found := world.rows(sql, repo.id):
            world.find(repo, f"{what}: {found[:5]}")
    sql = "SELECT bookmark, change_id, commit_id, trouble, status FROM FlowRegistry WHERE repo = ? AND gone_at IS NULL"
    rows = {row[0]: row[1:] for row in world.rows(sql, repo.id)}
    names: dict[str, list[tuple[str, str]]] = {}
    for change, commit, *marks in repo.lines("bookmarks()", "change_id, commit_id, local_bookmarks.map(|b| b.name())"):
        for name in " ".join(marks).split():
            names.setdefault(name, []).append((change, commit))
    for name, (change, commit, trouble, status) in rows.items():
        if name not in names:
            world.find(repo, f"{name} has a row and no bookmark")
            continue
        # The row of what has landed stays as it landed; of others it has the tip, at the bookmark or above.
        at = f'change_id("{change}") & commit_id("{commit}") & {exactly(name)}::'
        shared = len(repo.lines(exactly(name), "local_bookmarks.map(|b| b.name())")[0][0].split()) > 1
        if shared:  # a change is one flow's, the deepest of those on it: the others' tips are beneath
            world.notes["flows that stand on one change"] += 1
        elif trouble is None and status != "merged" and not repo.lines(at, "commit_id"):
            world.find(repo, f"{name} is at {names[name]} and on record at {change} {commit}")
    for name in names:
        if name.count("--") and name[:4].isalnum() and name not in rows and not name.startswith("push-"):
            world.find(repo, f"{name} is a flow without a row")
    sql = ("SELECT f.bookmark, l.parent, l.tip_change FROM FlowRegistry AS f JOIN landings AS l ON l.id = (SELECT max(id) FROM "
           "landings WHERE flow = f.id) WHERE f.repo = ? AND f.gone_at IS NULL AND f.status = 'merged'")
    for name, parent, tip in world.rows(sql, repo.id):
        if parent in names and not repo.lines(f'present(change_id("{tip}")) & ::{exactly(parent)}', "commit_id"):
            world.find(repo, f"{name} is merged, and {tip} is not in {parent}")


def mismatched(repo) -> list[str]:
    """The bookmarks that git has elsewhere."""
    if not repo.colocated:
        return []
    git = subprocess.run(["git", "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"], cwd=repo.path,
                         capture_output=True, text=True).stdout
    place = 'if(!remote && !conflict && present, name ++ " " ++ normal_target.commit_id() ++ "\\n")'
    jj = repo.jj("bookmark", "list", "-T", place)
    conflicted = repo.jj("bookmark", "list", "-T", 'if(!remote && conflict, name ++ "\\n")').split()
    return sorted(line for line in set(git.splitlines()) ^ set(jj.splitlines()) if line.split()[0] not in conflicted)


def refs(world, repo) -> None:
    if wrong := mismatched(repo):
        world.find(repo, f"git and jj do not agree: {wrong}")


def trunk(world, repo) -> None:
    """What has landed stays, but for landings that were taken back."""
    now = {row[0] for row in repo.lines(f"::{exactly('main')} ~ root()", "change_id")}
    lost = repo.trunk - now
    if lost and repo.strong and not repo.trunk_was_moved:
        sql = ("SELECT parent_from, parent_to FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow WHERE f.repo = ? AND "
               "l.state = 'undone' AND parent_from IS NOT NULL")
        for before, after in world.rows(sql, repo.id):
            lost -= {row[0] for row in repo.lines(f'commit_id("{before}")..commit_id("{after}")', "change_id")}
        if lost:
            world.find(repo, f"main has lost {sorted(lost)}")
    repo.trunk = now


def nothing_lost(world, repo) -> None:
    """Each committed file and each description is in a visible change, or was given up by an agent's own command."""
    asked = {token for token, started in repo.tokens.items() if started > repo.rewound} - repo.given_up
    said = set(TOKEN.findall(repo.jj("log", "--no-graph", "-r", "all()", "-T", 'description ++ "\\n"')))
    git = repo.path / (".git" if repo.colocated else ".jj/repo/store/git")
    commits = repo.jj("log", "--no-graph", "-r", "all() ~ root()", "-T", 'commit_id ++ "\\n"')
    run = lambda argv, text: subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout
    kept = {line.split(" ")[0] for line in
            run(["git", "--git-dir", str(git), "rev-list", "--objects", "--stdin"], commits).splitlines()}
    for token in sorted(asked):
        blob = run(["git", "hash-object", "--stdin"], f"{token}\n").strip()
        on_disk = any((at / token).exists() for at in repo.workspaces)
        if token not in said:
            world.find(repo, f"the description with {token} is lost")
        if blob not in kept and not on_disk:
            world.find(repo, f"the file {token} is lost")
    world.notes["commits looked for"] += len(asked)


def divergent(world, repo) -> None:
    if found := repo.lines("divergent()", "change_id.short(), commit_id.short(), description.first_line()"):
        world.notes[f"divergent in {repo.name}"] += 1
        if repo.strong:
            world.find(repo, f"divergent changes: {found}")


def files(world, repo) -> None:
    """The record is private and whole, and nothing is left lying about."""
    folder = repo.path / ".jj/repo/flow"
    for path in (folder, *folder.iterdir()):
        private(world, repo, path)
        if path.name.startswith("resolving-") or ".tmp" in path.name or ".new" in path.name:
            world.find(repo, f"{path} is left")
    text = (folder / "journal.ndjson").read_bytes()
    lines, keys = text.split(b"\n"), Counter()
    for number, line in enumerate(lines[:-1]):
        try:
            keys[json.loads(line)["key"]] += 1
        except ValueError:
            world.notes["torn lines in journals"] += 1
            if not world.kills:
                world.find(repo, f"line {number + 1} of the journal is torn, and nobody was killed")
    if lines[-1]:
        world.find(repo, "the journal's last line is torn still")
    if twice := [key for key, count in keys.items() if count > 1]:
        world.find(repo, f"the journal has {len(twice)} lines twice: {twice[:5]}")
    if "flow-resolver-" in (text := repo.jj("workspace", "list")):
        world.find(repo, f"a resolver's workspace is left: {text}")


def private(world, repo, path: Path) -> None:
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    if mode != (0o700 if path.is_dir() else 0o600):
        world.find(repo, f"{path} has mode {mode:o}")


def doctor(world, repo) -> None:
    ran = world.ask([str(world.programs["jj-flow"]), "doctor", "--json"], repo)
    found = {(each["code"], each["message"]) for each in json.loads(ran.stdout)["checks"] if each["state"] != "ok"}
    world.doctor.setdefault(repo.name, {code for code, _ in found})
    if new := [each for each in found if each[0] not in world.doctor[repo.name] | KNOWN]:
        world.find(repo, f"doctor finds {new}")


def registry(world) -> None:
    for row in world.rows("PRAGMA integrity_check") + world.rows("PRAGMA foreign_key_check"):
        if row != ("ok",):
            world.find(None, f"the registry: {row}")
    for path in (world.registry.parent, *world.registry.parent.iterdir()):
        private(world, None, path)
        if path.name.split(".")[0] != "registry" and path.is_file():
            world.find(None, f"{path} is left")


def left_over(world) -> None:
    """Nobody holds a lock any more, and nothing half made lies about."""
    cache = world.home / ".cache"
    for lock in [*cache.rglob("*.lock"), *world.folder.glob("*/.jj/repo/flow/*lock")]:
        with open(lock) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                world.find(None, f"{lock} is held by somebody who is not there")
    for path in [*world.folder.glob(".jj-flow*"), *world.folder.glob("*/.jj-flow*")]:
        world.find(None, f"{path} is left")


def rebuilt(world) -> None:
    """The registry is taken away, and comes back from the journals as it was."""
    if not world.registry.exists():
        return
    before = [world.rows(sql) for sql in DUMP]
    for end in ("", "-wal", "-shm"):
        Path(f"{world.registry}{end}").unlink(missing_ok=True)
    scan = [["repo", "scan", str(world.folder)], ["sync", "--all"], ["sync", "--all"]]
    for args in scan:
        ran = world.ask([str(world.programs["jj-flow"]), *args], cwd=world.folder)
        if ran.returncode:
            world.find(None, f"`jj flow {' '.join(args)}` exits {ran.returncode}: {ran.stdout}{ran.stderr}")
    for old, new in zip(before, (world.rows(sql) for sql in DUMP)):
        if old != new:
            lost, made = [row for row in old if row not in new], [row for row in new if row not in old]
            rows = f"{len(old)} and {len(new)} rows"
            world.find(None, f"the registry does not come back as it was ({rows}): {lost[:4]} became {made[:4]}")

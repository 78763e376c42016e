"""What must hold of every repo of `stress`, of the registry and the journals while nobody is at work."""
from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import time
from collections import Counter
from pathlib import Path

from soak.world import TOKEN, exactly

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

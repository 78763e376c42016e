"""A large registry, and what it costs to ask it."""
from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

from measure.cases import case
from measure.figures import Pairs
from measure.world import FLOW, World
from programs import say


FLOWS = 100_000  # a hundred in each of a thousand repos
STATUSES = ["in-progress", "success", "failed", *["merged"] * 17]
GROWTH = ("flows", "`list --all --status failed`", "`log --all`", "`new`", "`done`, fast-forward")


def know(world: World, flows: int) -> None:
    """The registry that the case begins with. It is made once, as the database has it, beside which nothing is measured."""
    world.run("jj-flow", "new", "logic")
    path, kept = world.home / ".local/share/jj-flow/registry.db", world.folder.parent / f"{flows}.db"
    if not kept.exists():
        say(f"  (making {flows:,} flows)")
        fill(path, flows // 100)
        shutil.copy2(path, kept)
    shutil.copy2(kept, path)


def fill(path: Path, repos: int) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    db.execute("PRAGMA foreign_keys = off")
    db.execute("BEGIN IMMEDIATE")
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    event = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0]
    for number in range(repos):
        repo, component = f"{number:016x}", f"part{number % 200}"
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1_700_000_000 + number * 60))
        db.execute("INSERT INTO repos (id, root, component, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)",
                   (repo, f"/src/{component}/r{number}", component, at, at))
        flows, events = [], []
        for flow in range(100):
            event += 1
            uid, intent = f"{(number * 7 + flow) % 4096:04x}", f"research{chr(65 + flow % 26)}{flow}"
            row, name, status = event + 1_000, f"{uid}--{intent}", STATUSES[flow % 20]
            parent = "main" if flow % 3 else None
            flows.append((row, repo, name, uid, component, intent, status, "k" * 32, "0" * 40, parent, uid, at, at, event))
            events.append((event, repo, f"{event:016x}", row, at, uid, "created"))
        db.executemany("INSERT INTO FlowRegistry (id, repo, bookmark, uid, component, intent, status, change_id, commit_id,"
                       " parent_flow, actor, created_at, updated_at, last_event) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", flows)
        db.executemany("INSERT INTO events (id, repo, key, flow, at, actor, kind, line) VALUES (?,?,?,?,?,?,?,'{}')", events)
    for _, sql in triggers:
        db.execute(sql)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("ANALYZE")
    db.close()


def ask(name: str, *args: str, most: float | None = 100):
    """A question to all of them from outside any repo, beside the least that jj-flow takes: `--version`."""
    @case(name, quick=False)
    def play(world: World) -> list[str]:
        know(world, FLOWS)
        ours = [["jj-flow", "-R", str(world.home), *args]]
        times = [world.time(ours) for _ in range(world.runs + 1)]
        nothing = [world.time([["jj-flow", "--version"]]) for _ in times]
        memory = world.memory(*ours), most and 64 or 0
        return Pairs(times[1:], nothing[1:]).row(f"`{' '.join(args)}`, {FLOWS:,} flows", most, "ms", memory)


ask("ask-status", "list", "--all", "--status", "failed")
ask("ask-uid", "list", "--all", "--uid", "0a1f")
ask("ask-component", "list", "--all", "--component", "part7")
ask("ask-type", "list", "--all", "--type", "research", "--since", "2023-11-15T00:00:00Z")
ask("ask-text", "list", "--all", "--text", "researchQ42")
ask("ask-nothing", "list", "--all", "--component", "nowhere")
ask("ask-tree", "--all")
ask("ask-log", "log", "--all")
ask("ask-query", "query", "SELECT status, count(*) FROM FlowRegistry GROUP BY status")
ask("ask-view", "query", "SELECT uid, count(*) AS n FROM waiting_flows GROUP BY uid ORDER BY n DESC LIMIT 20", most=None)


def growth(flows: int):
    @case(f"growth-flows-{flows}", GROWTH, quick=False)
    def play(world: World) -> list[str]:
        know(world, flows)
        world.run("jj-flow", "sync")
        nothing = [["jj-flow", "--version"]]
        asked = [[["jj-flow", "-R", str(world.home), *args]] for args in (["list", "--all", "--status", "failed"], ["log", "--all"])]
        begun = [["jj-flow", "new", "research"]]
        row = [f"{flows:,}", *(world.pairs(ours, nothing).cells()[0] for ours in (*asked, begun))]
        world.flow()
        return [*row, world.pairs([["jj-flow", "done", FLOW]], nothing).cells()[0]]


for size in (1_000, 10_000, FLOWS):
    growth(size)

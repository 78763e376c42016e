"""What the agents of `stress` do."""
from __future__ import annotations

import sqlite3
import time
import traceback

from soak.agent import Agent, Ran
from soak.world import TOKEN, exactly


class Worker(Agent):
    """An agent with something to do. Each deed takes one name or none, and may find nothing to be done."""

    def token(self) -> str:
        self.made += 1
        return f"t{self.number}x{self.made}y"

    def word(self) -> str:
        self.made += 1
        return "".join(chr(ord("a") + int(digit)) for digit in f"{self.number}{self.made}")

    def begin(self) -> None:
        args, parents = ["new", f"logic {self.word()}"], self.flows("in-progress")
        if self.chance(0.15) and parents:
            args += ["--parent", self.one(parents)]
        if self.chance(0.1):
            args += ["--workspace", str(self.world.folder / f"{self.repo.name}-own-{self.word()}")]
        self.flow("new", *args)

    def sub(self) -> None:
        of = self.one(self.flows("in-progress"))
        self.flow("sub", "sub", f"part {self.word()}", *(["--of", of] if of and self.chance(0.5) else []))

    def commit(self) -> None:
        flow = self.one(self.flows("in-progress", "failed"))
        if not flow and self.chance(0.8):
            return self.begin()
        if flow and self.chance(0.35):
            self.plain("jj new", "new", f"latest(heads({exactly(flow)}::))")
        token, started = self.token(), time.time()
        shared, texts = self.rng.randrange(9), self.rng.random()
        (self.at / token).write_text(f"{token}\n")
        if shared < 3:
            (self.at / f"shared{shared}").write_text(f"{token} {texts}\n")
        elif shared == 3:
            (self.at / "broken").write_text("broken\n")
        elif shared < 7:
            (self.at / "broken").unlink(missing_ok=True)
        if self.plain("commit", "commit", "-m", f"work {token}").code == 0:
            self.repo.tokens[token] = started

    def done(self) -> None:
        flow = self.one(self.flows("in-progress", "success", "failed"))
        args = ["done", *([flow] if flow and self.chance(0.7) else [])]
        for option, often in (("--cascade", 0.2), ("--dry-run", 0.1), ("--into=main", 0.03), ("-mdone", 0.6)):
            args += [option] if self.chance(often) else []
        if self.repo.remote:
            args += ["--push"] if self.chance(0.5) else []
        self.after_conflict(self.flow("done", *args))

    def after_conflict(self, ran: Ran) -> None:
        """Resolves by the packet's own commands, gives up, or leaves it to later."""
        flow = None
        for _ in range(4):
            packet = (ran.json.get("error") or {}).get("details") or {}
            if ran.code != 3 or "commands" not in packet:
                return
            flow, commands = packet["flow"]["bookmark"], packet["commands"]
            what = self.rng.random()
            if what < 0.25:
                return
            if what < 0.4:
                self.flow("abort", "abort", flow)
                return
            self.run("resolve", ["sh", "-c", commands["resolve"]], {0, 1, 2})
            self.write_resolved()
            self.run("resolve", ["sh", "-c", commands["finish"]], {0, 1, 2})
            ran = self.flow("resume", "resume", flow)

    def write_resolved(self) -> None:
        for number in range(3):
            file = self.at / f"shared{number}"
            if file.exists() and "<<<<<<<" in file.read_text(errors="replace"):
                file.write_text(f"resolved by agent {self.number}\n")

    def conflicts(self) -> None:
        self.flow("conflicts", "conflicts")
        sql = ("SELECT f.bookmark FROM conflicts AS c JOIN FlowRegistry AS f ON f.id = c.flow WHERE c.state = 'open' AND "
               "f.repo = ? AND f.gone_at IS NULL ORDER BY 1")
        mine = set(self.flows())
        if flow := self.one([row[0] for row in self.world.rows(sql, self.repo.id) if row[0] in mine]):
            if self.chance(0.3):
                self.flow("abort", "abort", flow)
            else:
                self.after_conflict(self.run("resume", ["jj-flow", "resume", flow, "--json"]))

    def fail(self) -> None:
        if flow := self.one(self.flows("in-progress", "success")):
            self.flow("fail", "fail", flow, "--reason", f"no luck with {self.word()}")

    def reopen(self) -> None:
        if flow := self.one(self.flows("failed", "success")):
            self.flow("reopen", "reopen", flow)

    def undo(self) -> None:
        if flow := self.one(self.flows("merged")):
            self.flow("undo", "undo", flow)

    def restack(self) -> None:
        flow = self.one(self.flows("in-progress"))
        self.after_conflict(self.flow("restack", "restack", *([flow] if flow else [])))

    def land(self) -> None:
        self.after_conflict(self.flow("land", "land", *(["--all"] if self.chance(0.2) else [])))

    def sync(self) -> None:
        self.flow("sync", "sync", *(["--all"] if self.chance(0.3) else []))

    def upkeep(self) -> None:
        self.flow("gc", "gc", *(["--all"] if self.chance(0.3) else []), *(["--dry-run"] if self.chance(0.3) else []))

    def look(self) -> None:
        asked = self.rng.choice([["list", "--all"], ["list"], ["context", "--siblings"], ["context"], ["log"], [], ["doctor"],
                                 ["query", "SELECT status, count(*) FROM FlowRegistry GROUP BY status"]])
        self.flow(f"look: {asked[0] if asked else 'tree'}", *asked)

    def wrong(self) -> None:
        self.flow("wrong usage", "done", "--nope", may={2})

    def mark(self) -> None:
        """What a verification tool does."""
        flow, what = self.one(self.flows("in-progress", "failed")), "ok"
        if not flow:
            return
        try:
            with sqlite3.connect(self.world.registry, timeout=60) as db:
                sql = "UPDATE FlowRegistry SET status = 'success' WHERE bookmark = ? AND repo = ? AND gone_at IS NULL"
                db.execute(sql, (flow, self.repo.id))
        except sqlite3.IntegrityError as error:
            what = "refused"
            if not str(error).startswith("jj-flow: "):
                self.world.find(self.repo, f"UPDATE of {flow}: {error}")
        except sqlite3.OperationalError:
            what = "busy"
        finally:
            db.close()
        self.trail.append(f"{time.time():.2f} agent {self.number} {self.at.name}$ UPDATE {flow} -> {what}")
        self.world.counts["mark in SQL", what] += 1

    def bookmarks(self) -> None:
        flow, word = self.one(self.flows("in-progress", "failed")), self.word()
        tip = f"latest(heads({exactly(flow)}::) ~ empty())" if flow else "@"
        what = self.rng.choice(["create", "set", "rename", "move", "delete", "describe", "rebase"])
        if what == "create":
            self.plain("bookmark create", "bookmark", "create", f"docs{word}", "-r", "@")
        elif not flow:
            return
        elif what == "rename":
            self.plain("bookmark rename", "bookmark", "rename", flow, f"{flow[:flow.rindex('--')]}--logic{word}")
        elif what == "delete":
            self.plain("bookmark delete", "bookmark", "delete", flow)
        elif what == "describe":
            self.describe(flow)
        elif what == "rebase":
            self.plain("rebase", "rebase", "-s", f"roots(main..{exactly(flow)})", "-o", "main")
        else:
            self.plain(f"bookmark {what}", "bookmark", what, flow, "-r" if what == "set" else "--to", tip)

    def describe(self, flow: str) -> None:
        said = self.repo.lines(exactly(flow), "change_id, description.first_line()")
        if len(said) == 1 and len(said[0]) == 2:
            self.plain("describe", "describe", said[0][0], "-m", f"{said[0][1]} better")

    def abandon(self) -> None:
        """Gives the newest change up, with whatever is in it."""
        rows = self.repo.lines("@-" if self.at == self.repo.path else f'parents("{self.at.name}"@)', "change_id")
        if len(rows) == 1 and self.flows("in-progress"):
            mine = self.flows("in-progress", "failed")
            own = " | ".join(exactly(flow) for flow in mine)
            change = f'change_id("{rows[0][0]}") & mutable() & (main..({own})::) ~ ::main'
            for revset in (change, change):  # again afterwards: what others did meanwhile
                text = self.repo.jj("log", "--no-graph", "-r", revset, "-T", 'description ++ diff.files().map(|f| f.path())')
                self.repo.given_up |= set(TOKEN.findall(text))
                if revset is change and text:
                    self.plain("abandon", "abandon", change)

    def remote(self) -> None:
        if not self.repo.remote:
            return
        what = self.rng.choice([["fetch"], ["fetch"], ["push", "--bookmark=main"],
                                ["push", "--bookmark", f"glob:{self.uid}--*"]])
        self.plain(f"git {what[0]}", "git", *what)

    def rewind(self) -> None:
        """Takes back what came last, whoever's it was; only in the wild."""
        if self.repo.strong:
            return
        if self.chance(0.6):
            self.plain("jj undo", "undo")
        else:
            ops = self.repo.jj("op", "log", "--no-graph", "-n12", "-T", 'id ++ "\\n"').split()
            if ops:
                self.plain("op restore", "op", "restore", self.one(ops))
        self.repo.rewound = time.time()

    def git(self) -> None:
        """Plain git beside jj; what changes anything only in the wild."""
        if not self.repo.colocated:
            return
        words = [["status"], ["log", "--oneline", "-5"], ["branch", "--list"]]
        if not self.repo.strong and self.at == self.repo.path:
            words += [["branch", f"feature/{self.word()}"], ["commit", "--allow-empty", "--quiet", "-m", "by git"]]
            if flow := self.one(self.flows("in-progress")):
                words += [["branch", "-f", flow, "HEAD"]]
        self.at, at = self.repo.path, self.at
        word = self.rng.choice(words)
        self.run(f"git {word[0]}", ["git", *word], {0, 1, 128})
        self.at = at

    def step(self) -> None:
        if self.chance(0.25) or not self.made:
            self.repo = self.rng.choice(self.repos)
            number = self.number if self.repo.strong else self.rng.randrange(2)
            self.at = self.repo.workspaces[number]
        deeds = {self.commit: 22, self.begin: 5, self.sub: 3, self.done: 16, self.conflicts: 3, self.fail: 2, self.reopen: 3,
                 self.undo: 3, self.restack: 3, self.land: 2, self.sync: 2, self.upkeep: 1, self.look: 3, self.wrong: 0.3,
                 self.mark: 3, self.bookmarks: 5, self.abandon: 1, self.remote: 3, self.rewind: 3, self.git: 2}
        self.rng.choices(list(deeds), list(deeds.values()))[0]()

    def work(self, until: float) -> None:
        try:
            while time.time() < until:
                self.step()
        except Exception:  # whatever this script has not thought of is told, and not passed over
            self.world.find(self.repo, f"agent {self.number}: {traceback.format_exc()}")

"""What the shim, the program itself and an agent's hooks add."""
from __future__ import annotations

import json
import shlex

from measure.cases import case
from measure.world import Failed, World


@case("version")
def version(world: World) -> list[str]:
    pairs = world.pairs([["jj-flow", "--version"]], [["jj", "--version"]], world.runs * 5)
    return pairs.row("`jj-flow --version`, beside `jj --version`", 2, "ms")


def hook(event: str, what: str, **payload: object) -> None:
    """An agent's hook that has nothing to say, as the agent starts it: by a shell, the event on stdin."""
    @case(f"hook-{event}")
    def play(world: World) -> list[str]:
        event_file = world.home / "event.json"
        event_file.write_text(json.dumps({"session_id": "s", "cwd": str(world.repo), **payload}))
        call = shlex.join([str(world.programs["jj-flow"]), "hook", event])
        ours = ["sh", "-c", f"exec {call} <{shlex.quote(str(event_file))}"]
        if world.run(*ours):
            raise Failed(f"hook {event} has something to say")
        pairs = world.pairs([ours], [["sh", "-c", "exec true"]], world.runs * 5)
        return pairs.row(f"`hook {event}` {what}, beside `true`, each from `sh`", 5, "ms")


hook("pre-tool-use", "of a command that makes no branch", tool_input={"command": "cargo test && jj commit -m x"})
hook("stop", "of a session without open flows")


@case("passthrough")
def passthrough(world: World) -> list[str]:
    pairs = world.pairs([["shim", "log"]], [["jj", "log"]], world.runs * 5)
    return pairs.row("`jj log` through the shim, beside bare", 1.5, "+ms")


@case("intercepted")
def intercepted(world: World) -> list[str]:
    world.run("jj-flow", "new", "logic")  # so that the registry and the repo's record are there already
    create = ["bookmark", "create", "research"]
    pairs = world.pairs([["shim", *create]], [["jj", *create]])
    return pairs.row("`jj bookmark create` through the shim, beside bare", 1.3)


@case("intercepted-many")
def intercepted_many(world: World) -> list[str]:
    world.start(commits=1_000, bookmarks=1_000)
    world.run("jj-flow", "new", "logic")
    create = ["bookmark", "create", "research"]
    pairs = world.pairs([["shim", *create]], [["jj", *create]])
    return pairs.row("The same beside 1,000 bookmarks, on 1,000 commits", 1.3)


@case("watched")
def watched(world: World) -> list[str]:
    world.run("jj-flow", "new", "logic")
    move = ["bookmark", "move", "main", "--to", "@"]
    pairs = world.pairs([["shim", *move]], [["jj", *move]])
    return pairs.row("`jj bookmark move main` through the shim, beside bare")

"""Many agents at the same moment: each has a workspace and a flow of one change, and all say `done` at once."""
from __future__ import annotations

import os
import shutil
import time

from measure.cases import case
from measure.figures import spread
from measure.world import Failed, World

GROWTH = ("agents at once", "until all have landed on one parent", "for each landing", "answered busy, asked again",
          "until all have landed in repos of their own", "for each landing")
BUSY = 5  # the exit status


def gather(world: World, agents: int, is_shared: bool) -> list[tuple[str, str]]:
    """The workspace and the flow of each, in one repo or each in its own."""
    world.start()
    shutil.rmtree(world.folder / "places", ignore_errors=True)
    (world.folder / "places").mkdir()
    crowd = []
    for number in range(agents):
        place, flow = str(world.folder / "places" / str(number)), f"a8f2--research{number}"
        if is_shared:
            world.run("jj-flow", "new", f"research{number}", "--workspace", place)
        else:
            world.run("cp", "-R", str(world.repo), place)
            world.run("jj-flow", "-R", place, "new", f"research{number}")
        with open(f"{place}/work{number}.md", "w") as file:
            file.write("Work")
        world.run("jj", "-R", place, "commit", "-m", f"Work {number}")
        crowd.append((place, flow))
    return crowd


def land(world: World, crowd: list[tuple[str, str]]) -> tuple[float, int]:
    """The milliseconds until all have landed, and how often one was told to try again."""
    waiting, busy = {}, 0
    start = time.perf_counter()
    todo = list(crowd)
    while todo or waiting:
        for place, flow in todo:
            argv = ["jj-flow", "-R", place, "done", flow]
            waiting[os.posix_spawn(world.programs["jj-flow"], argv, world.env, file_actions=world.wires)] = place, flow
        pid, status = os.wait()
        todo, code = [], os.waitstatus_to_exitcode(status)
        place, flow = waiting.pop(pid)
        if code == BUSY:
            busy += 1
            todo.append((place, flow))
        elif code:
            raise Failed(f"`jj-flow done {flow}` ended with {code}: {world.heard()}")
    return (time.perf_counter() - start) * 1000, busy


def growth(agents: int):
    @case(f"growth-agents-{agents}", GROWTH, quick=agents <= 2)
    def play(world: World) -> list[str]:
        row = [str(agents)]
        for is_shared in (True, False):
            took, asked_again = [], 0
            for _ in range(world.runs // 4 + 1):
                crowd = gather(world, agents, is_shared)
                ms, busy = land(world, crowd)
                took.append(ms)
                asked_again += busy
            row += [spread(took, ".0f", " ms"), spread([ms / agents for ms in took], ".0f", " ms")]
            row += [str(asked_again)] if is_shared else []
        return row


for size in (1, 2, 4, 8, 16):
    growth(size)

"""What `bench` and `stress` share: the programs that they run, and a world of their own to run them in."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def build(profile: str) -> Path:
    """The path of jj-flow, built now: `release`, or `debug` with its failpoints and overflow checks."""
    say(f"Building jj-flow (a {profile} build).")
    release = ["--release"] if profile == "release" else []
    if subprocess.run(["cargo", "build", *release, "--locked"], cwd=ROOT, stdout=sys.stderr).returncode:
        sys.exit("Error: Could not build jj-flow.")
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / profile / "jj-flow"


def find_jj() -> Path | None:
    """The first real jj on PATH. The shim, by whatever link or copy, knows `jj flow` without any config."""
    clean = {"PATH": os.environ["PATH"], "HOME": "/", "JJ_CONFIG": os.devnull}
    for folder in os.get_exec_path():
        ask = [Path(folder, "jj").absolute(), "flow", "--version"]
        if os.access(ask[0], os.X_OK) and subprocess.run(ask, cwd="/", env=clean, capture_output=True).returncode:
            return ask[0]
    return None


def choose(jj: Path | None, binary: Path | None, profile: str) -> tuple[Path, Path]:
    """The jj and the jj-flow to run: those that were named, else the first on PATH and one that is built now."""
    chosen = jj.absolute() if jj else find_jj(), binary.absolute() if binary else build(profile)
    for program, name in (*zip(chosen, ("jj", "jj-flow")), (shutil.which("git"), "git")):
        if not program or not os.access(program, os.X_OK):
            sys.exit(f"Error: Could not find {name}{f' at {program}' if program else ' on PATH'}.")
    return chosen


class Programs:
    """jj, the shim and jj-flow in folders of their own. On PATH the shim's goes before the real jj's."""

    def __init__(self, scratch: Path, jj: Path, binary: Path, home: Path):
        real, shim = scratch / "real", scratch / "shim"
        real.mkdir(), shim.mkdir()
        (real / "jj").symlink_to(jj)
        shutil.copy2(binary, shim / "jj-flow")  # a copy, so that no build replaces it
        (shim / "jj").symlink_to("jj-flow")
        self.paths = {"jj": real / "jj", "shim": shim / "jj", "jj-flow": shim / "jj-flow"}
        path = f"{real}{os.pathsep}{os.environ['PATH']}"
        self.env = {"PATH": path, "HOME": str(home), "LC_ALL": "C", "JJ_USER": "Ada Agent", "JJ_EMAIL": "ada@example.com"}
        folders = {"CONFIG": ".config", "DATA": ".local/share", "CACHE": ".cache", "STATE": ".local/state"}
        self.env.update({f"XDG_{kind}_HOME": str(home / folder) for kind, folder in folders.items()})
        self.shim_env = {**self.env, "PATH": f"{shim}{os.pathsep}{path}"}

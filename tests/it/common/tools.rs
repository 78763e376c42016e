//! The programs that the tests run: the jj-flow just built, the real jj, git.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The binary under test.
pub(super) const JJ_FLOW: &str = env!("CARGO_BIN_EXE_jj-flow");

/// The first `jj` on PATH that is not jj-flow standing in for it.
static REAL_JJ: LazyLock<PathBuf> = LazyLock::new(|| {
    which::which_all("jj")
        .ok()
        .and_then(|mut found| found.find(|path| !is_shim(path)))
        .expect("Could not find the real jj on PATH: the tests run it. `scripts/test` gets one.")
});

static GIT: LazyLock<PathBuf> =
    LazyLock::new(|| which::which("git").expect("Could not find git on PATH: the tests run it."));

/// jj-flow under the name jj, by whatever link or copy, knows `jj flow` without any config. The real jj does not.
fn is_shim(jj: &Path) -> bool {
    Command::new(jj)
        .args(["flow", "--version"])
        .current_dir("/")
        .env_clear()
        .envs([("HOME", "/"), ("JJ_CONFIG", "/dev/null")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Fills `root` with a `bin` folder (jj-flow and the real jj) and a `shim` folder (jj-flow under the name jj).
pub(super) fn install(root: &Path) {
    let (bin, shim, seeds) = (root.join("bin"), root.join("shim"), root.join("seeds"));
    for folder in [&bin, &shim, &seeds] {
        std::fs::create_dir(folder).unwrap();
    }
    symlink(JJ_FLOW, bin.join("jj-flow")).unwrap();
    symlink(JJ_FLOW, shim.join("jj")).unwrap();
    let jj = bin.join("jj");
    std::fs::write(&jj, seeding_script(&REAL_JJ, &seeds)).unwrap();
    std::fs::set_permissions(&jj, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The real jj behind a script that gives each process a seed of its own: the first one from `JJ_RANDOMNESS_SEED` on
/// that no process has taken. One jj-flow command runs several jj, and with one seed they would all make the same
/// change id.
fn seeding_script(jj: &Path, seeds: &Path) -> String {
    format!(
        r#"#!/bin/sh
if [ -n "$JJ_RANDOMNESS_SEED" ]; then
    set -C
    until {{ true >'{seeds}'/"$JJ_RANDOMNESS_SEED"; }} 2>/dev/null; do
        JJ_RANDOMNESS_SEED=$((JJ_RANDOMNESS_SEED + 1))
    done
fi
exec '{jj}' "$@"
"#,
        seeds = seeds.display(),
        jj = jj.display(),
    )
}

/// PATH with the tools of `root`, the shim first where it is asked for, and little else.
pub(super) fn path(root: &Path, with_shim: bool) -> String {
    let mut folders =
        vec![root.join("bin"), GIT.parent().unwrap().to_owned(), "/usr/bin".into(), "/bin".into()];
    if with_shim {
        folders.insert(0, root.join("shim"));
    }
    let joined = std::env::join_paths(folders.iter().map(|folder| folder.as_os_str() as &OsStr));
    joined.unwrap().into_string().unwrap()
}

/// The real jj itself, without the script before it.
pub(crate) fn real_jj() -> &'static Path {
    &REAL_JJ
}

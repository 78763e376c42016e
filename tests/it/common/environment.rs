//! One person's machine: a home, a clean environment, a clock and a seed that advance with each command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::{Timestamp, ToSpan as _};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::repo::TestRepo;
use super::tools;

/// When the first command of every test runs. Each further one is a second later.
const EPOCH: &str = "2001-02-03T04:05:06Z";

/// The config that every test starts from, in the user's config file.
const CONFIG: &str = r#"
[user]
name = "Test User"
email = "test.user@example.com"

[ui]
color = "never"
paginate = "never"
editor = ["false"]

[fsmonitor]
backend = "none"

[aliases]
flow = ["util", "exec", "--", "jj-flow"]
"#;

const GIT_CONFIG: &str = "
[user]
    name = Test User
    email = test.user@example.com
[init]
    defaultBranch = main
[gc]
    auto = 0
";

/// Lives as long as its folder. Shared between threads by reference.
#[derive(Debug)]
pub(crate) struct TestEnvironment {
    root: PathBuf,
    variables: Mutex<BTreeMap<String, String>>,
    commands: AtomicU32,
    config_files: AtomicU32,
    _folder: TempDir,
}

impl TestEnvironment {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for path in ["home", "config/jj/conf.d", "data", "cache", "state", "tmp"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        tools::install(&root);
        std::fs::write(root.join("config/jj/config.toml"), CONFIG).unwrap();
        std::fs::write(root.join("home/.gitconfig"), GIT_CONFIG).unwrap();
        Self {
            root,
            variables: Mutex::default(),
            commands: AtomicU32::new(0),
            config_files: AtomicU32::new(0),
            _folder: folder,
        }
    }

    /// The folder that everything is in, `$TEST_ENV` in snapshots.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// `$XDG_CONFIG_HOME`.
    pub(crate) fn config_home(&self) -> PathBuf {
        self.root.join("config")
    }

    /// `$XDG_DATA_HOME`.
    pub(crate) fn data_home(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Sets a variable for every command from here on, such as `JJ_FLOW_UID`. For one repo's: [`TestRepo::with`].
    pub(crate) fn set(&self, name: &str, value: &str) {
        self.variables.lock().unwrap().insert(name.into(), value.into());
    }

    /// Adds a file of TOML to the user's jj config.
    pub(crate) fn add_config(&self, toml: &str) {
        let number = self.config_files.fetch_add(1, Ordering::Relaxed);
        std::fs::write(self.root.join(format!("config/jj/conf.d/{number:02}.toml")), toml).unwrap();
    }

    /// Puts the real jj itself in the place of the script that gives each process a seed of its own: what a command
    /// makes is then the same however many jj have read before it.
    pub(crate) fn share_seeds(&self) {
        let jj = self.root.join("bin/jj");
        std::fs::remove_file(&jj).unwrap();
        std::os::unix::fs::symlink(tools::real_jj(), jj).unwrap();
    }

    /// A new jj repo, colocated with git.
    pub(crate) fn repo(&self, name: &str) -> TestRepo<'_> {
        self.dir("").jj(&["git", "init", "--colocate", name]).ok();
        self.dir(name)
    }

    /// A new jj repo whose git repo is inside `.jj`.
    pub(crate) fn repo_without_git(&self, name: &str) -> TestRepo<'_> {
        self.dir("").jj(&["git", "init", "--no-colocate", name]).ok();
        self.dir(name)
    }

    /// A new bare git repo, to push to and fetch from.
    pub(crate) fn bare_git(&self, name: &str) -> TestRepo<'_> {
        self.dir("").git(&["init", "--quiet", "--bare", name]).ok();
        self.dir(name)
    }

    /// A folder to run commands in, a repo or not; made where it is missing.
    pub(crate) fn dir(&self, path: &str) -> TestRepo<'_> {
        let root = self.root.join(path);
        std::fs::create_dir_all(&root).unwrap();
        TestRepo::new(self, root)
    }

    /// The registry at its default place, which must be there.
    pub(crate) fn registry(&self) -> Connection {
        let path = self.data_home().join("jj-flow/registry.db");
        let registry = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .unwrap_or_else(|error| panic!("Could not open {}: {error}", path.display()));
        registry.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        registry
    }

    /// What a query gives, one line a row, columns between `|`.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> String {
        let registry = self.registry();
        let mut statement = registry.prepare(sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut text = String::new();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> = (0..columns).map(|index| cell(row.get_ref(index).unwrap())).collect();
            text += &format!("{}\n", cells.join("|"));
        }
        self.normalize(&text)
    }

    /// Puts `$TEST_ENV` and `$JJ_FLOW` where a text names this environment's folder and the binary under test.
    pub(crate) fn normalize(&self, text: &str) -> String {
        text.replace(self.root.to_str().unwrap(), "$TEST_ENV").replace(tools::JJ_FLOW, "$JJ_FLOW")
    }

    /// A process to start in this environment, with the next tick of its clock and seed.
    pub(crate) fn command(&self, program: &str) -> Command {
        self.command_at(program, self.commands.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The same for what only reads: it takes no tick, so that an assertion more does not change later ids.
    pub(crate) fn reading_command(&self, program: &str) -> Command {
        self.command_at(program, self.commands.load(Ordering::Relaxed))
    }

    fn command_at(&self, program: &str, number: u32) -> Command {
        let now = EPOCH.parse::<Timestamp>().unwrap() + i64::from(number).seconds();
        let now = now.to_string();
        let mut command = Command::new(program);
        command.current_dir(&self.root).env_clear();
        command.env("PATH", tools::path(&self.root, false));
        // What normalised output says of paths is then true in a shell.
        command.env("TEST_ENV", &self.root);
        for (name, folder) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_STATE_HOME", "state"),
        ] {
            command.env(name, self.root.join(folder));
        }
        command.envs([("LC_ALL", "C"), ("TZ", "UTC"), ("COLUMNS", "100"), ("GIT_CONFIG_NOSYSTEM", "1")]);
        command.envs([("JJ_USER", "Test User"), ("JJ_EMAIL", "test.user@example.com")]);
        command.envs([("JJ_OP_USERNAME", "test-user"), ("JJ_OP_HOSTNAME", "host.example.com")]);
        command.env("JJ_RANDOMNESS_SEED", (u64::from(number) * 1000).to_string());
        for clock in
            ["JJ_TIMESTAMP", "JJ_OP_TIMESTAMP", "JJ_FLOW_TIMESTAMP", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"]
        {
            command.env(clock, &now);
        }
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        command.envs(&*self.variables.lock().unwrap());
        command
    }
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

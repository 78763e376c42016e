//! Ten thousand random command lines: what the scanner said of each, against what the real jj then did, by its
//! operation log.

mod grammar;
mod seen;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context as _, anyhow, ensure};
use jiff::Timestamp;
use rstest::rstest;

use self::grammar::{Rng, line};
use self::seen::{Before, Seen};
use crate::jj::fixture::{Fixture, command};
use crate::shim::argv::{Command, Scan, Verb, Watched, scan};
use crate::shim::intercept::{Name, names, rewrite};

const LINES: usize = 1000;
/// After so many lines the repos are what they were.
const ROUND: usize = 20;

#[derive(Debug, Default)]
struct Tally {
    lines: usize,
    /// By jj.
    accepted: usize,
    /// Lines after which a repo stood at other operations.
    operations: usize,
    watched: usize,
    /// Lines of each verb that jj accepted.
    verbs: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn count(&mut self, verb: Option<Verb>, success: bool, changed: bool) {
        self.lines += 1;
        self.accepted += usize::from(success);
        self.operations += usize::from(changed);
        self.watched += usize::from(verb.is_some());
        if let Some(verb) = verb.filter(|_| success) {
            *self.verbs.entry(verb.word()).or_default() += 1;
        }
    }
}

#[rstest]
fn the_scanner_agrees_with_jj(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] shard: u64) {
    let world = World::new();
    let mut tally = Tally::default();
    let (mut undone, mut complaints) = (false, Vec::new());
    for number in 0..LINES {
        if number % ROUND == 0 {
            world.rewind();
        }
        let seed = shard * LINES as u64 + number as u64;
        let mut rng = Rng(seed);
        // A `redo` has a meaning right after an `undo` only.
        let argv =
            if undone && rng.chance(50) { vec!["redo".into()] } else { line(&mut rng, &world.speculated) };
        undone = argv.iter().any(|word| word == "undo");
        if rng.chance(15) {
            world.it.write("file", &seed.to_string());
        }
        let anew = rng.chance(50);
        let judged = catch_unwind(AssertUnwindSafe(|| world.judge(&argv, anew, &mut tally)));
        if let Err(error) = judged.unwrap_or_else(|_| Err(anyhow!("It panicked."))) {
            complaints.push(format!("seed {seed}: {argv:?}\n{error:#}\n"));
        }
    }
    tell(&format!("shard {shard}: {tally:?}"));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(tally.accepted > LINES / 4 && tally.operations > LINES / 5 && tally.watched > LINES / 2);
    assert_eq!(tally.verbs.len(), 18, "Verbs that jj never accepted are missing here: {:?}", tally.verbs);
}

#[expect(clippy::disallowed_macros, reason = "a test tells whoever asks for its output")]
fn tell(text: &str) {
    eprintln!("{text}");
}

/// Two repos and a remote.
struct World {
    it: Fixture,
    /// An operation that makes a bookmark and is not integrated.
    speculated: String,
}

impl World {
    fn new() -> Self {
        let it = Fixture::new();
        let folder = it.folder.path();
        std::fs::write(folder.join("extra.toml"), "").unwrap();
        std::fs::write(folder.join("config.toml"), "fsmonitor.backend = 'none'\nui.editor = 'true'").unwrap();
        let git = |place: &str, args: &[&str]| {
            it.run(command("git".as_ref(), &folder.join(place)).args(args)).0.trim().to_owned()
        };
        it.jj(&["git", "colocation", "disable"]);
        it.jj(&["git", "remote", "add", "origin", "../origin"]);
        for text in ["one", "two", "three"] {
            it.write("file", text);
            it.jj(&["commit", "-m", text]);
        }
        it.jj(&["bookmark", "create", "old", "shared", "gone", "theirs", "-r", "@--"]);
        it.jj(&["git", "push", "-b", "shared", "-b", "gone", "-b", "theirs"]);
        it.jj(&["bookmark", "forget", "theirs"]);
        it.jj(&["bookmark", "create", "main", "a8f2--research", "'a b'", "-r", "@-"]);
        let tip = git("origin", &["rev-parse", "refs/heads/theirs"]);
        git("origin", &["update-ref", "-d", "refs/heads/gone"]);
        git("repo/.jj/repo/store/git", &["update-ref", "refs/heads/imported", &tip]);
        it.jj(&["git", "init", "--no-colocate", "../other"]);
        it.jj(&["-R", "../other", "bookmark", "create", "main", "old"]);
        let speculated = it.speculate(&it.head(), &["bookmark", "create", "speculated"]);
        std::fs::create_dir(folder.join("saved")).unwrap();
        it.run(command("cp".as_ref(), folder).args(["-a", "repo", "other", "origin", "saved"]));
        Self { it, speculated }
    }

    /// Everything is as it was in the beginning.
    fn rewind(&self) {
        let folder = self.it.folder.path();
        for name in ["repo", "other", "origin"] {
            std::fs::remove_dir_all(folder.join(name)).unwrap();
        }
        self.it.run(command("cp".as_ref(), folder).args(["-a", "saved/.", "."]));
    }

    /// Runs a line, or the same line with its names written anew, and compares.
    fn judge(&self, argv: &[OsString], anew: bool, tally: &mut Tally) -> anyhow::Result<()> {
        let line = Line::read(argv);
        let rewritten = line.rewritten()?;
        let before = ["repo", "other"].map(|name| Before::load(&self.it.root().with_file_name(name)));
        // No jj is so fast that it begins an operation within the same millisecond.
        let since = Timestamp::from_millisecond(now().as_millisecond() + 1)?;
        let output = self.it.command().args(if anew { &rewritten } else { argv }).output()?;
        let success = output.status.success();
        let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));

        let mut changed = false;
        let meant = self.it.root().join(line.scan.globals.repository.unwrap_or("."));
        let meant = meant.canonicalize_utf8().ok();
        for before in &before {
            let seen = Seen::load(before, since)?;
            changed |= seen.changed;
            let is_meant = meant == before.repo.root().canonicalize_utf8().ok();
            let told = || format!("{:?}\n{}\n{}{stderr}", line.scan, output.status, seen.told());
            line.ensure_done(&seen, before, is_meant, success).with_context(told)?;
        }
        let told = || format!("{:?}\n{stdout}{stderr}", line.scan);
        // Help may come before what is wrong, where that stands further up.
        let is_fine = !success || stdout.contains("Usage: jj ");
        ensure!(line.scan.command != Command::Malformed || is_fine, "jj accepts this: {}", told());
        match line.names {
            Some(_) => {
                let is_refused = stderr.contains("Failed to parse bookmark name");
                ensure!(!is_refused, "jj refuses these names: {}", told());
            }
            None => ensure!(!success || line.verb().is_none(), "jj accepts these names: {}", told()),
        }
        tally.count(line.verb(), success, changed);
        Ok(())
    }
}

/// A command line as the scanner has it.
struct Line<'a> {
    argv: &'a [OsString],
    scan: Scan<'a>,
    names: Option<Vec<Name>>,
}

impl<'a> Line<'a> {
    fn read(argv: &'a [OsString]) -> Self {
        let scan = scan(argv);
        let names = watched(&scan).and_then(names);
        Self { argv, scan, names }
    }

    fn verb(&self) -> Option<Verb> {
        watched(&self.scan).map(|watched| watched.verb)
    }

    /// The line with its names written anew, which is the same command with the same names.
    fn rewritten(&self) -> anyhow::Result<Vec<OsString>> {
        let Some(names) = &self.names else { return Ok(self.argv.to_vec()) };
        let rewritten = rewrite(self.argv, names);
        let again = Line::read(&rewritten);
        ensure!(again.verb() == self.verb(), "{rewritten:?} is another command.");
        let again = again.names.context("A name that was written anew is none.")?;
        let told = |name: &Name| (name.index, name.text.clone(), name.makes);
        ensure!(again.iter().map(told).eq(names.iter().map(told)), "{rewritten:?} has other names.");
        Ok(rewritten)
    }

    /// What jj did in a repo is what the line says.
    fn ensure_done(&self, seen: &Seen, before: &Before, is_meant: bool, success: bool) -> anyhow::Result<()> {
        seen.ensure_verb(self.verb(), self.argv)?;
        let Some(verb) = self.verb() else { return Ok(()) };
        let globals = &self.scan.globals;
        ensure!(is_meant || !seen.changed, "It acted on another repo.");
        seen.ensure_globals(verb, before, globals)?;
        let is_elsewhere = globals.no_integrate_operation || globals.at_operation.is_some();
        let is_dry = self.argv.iter().any(|arg| arg == "--dry-run");
        match &self.names {
            Some(names) if success && is_meant && !is_elsewhere && !is_dry => seen.ensure_made(verb, names),
            _ => Ok(()),
        }
    }
}

fn watched<'a, 'b>(scan: &'b Scan<'a>) -> Option<&'b Watched<'a>> {
    match &scan.command {
        Command::Watched(watched) => Some(watched),
        _ => None,
    }
}

#[expect(clippy::disallowed_methods, reason = "jj's clock is the system's")]
fn now() -> Timestamp {
    Timestamp::now()
}

//! Random command lines around bookmarks: most are jj's grammar, some are what a slip of the hand makes of it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

/// splitmix64.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// A command: its spellings, its options, and what stands behind it. Words in capitals are filled in.
struct Shape {
    spellings: &'static [&'static str],
    options: &'static [&'static str],
    arguments: &'static [&'static str],
}

const fn shape(
    spellings: &'static [&'static str],
    options: &'static [&'static str],
    arguments: &'static [&'static str],
) -> Shape {
    Shape { spellings, options, arguments }
}

const TARGET: &[&str] = &["-r REV", "-rREV", "-r=REV", "--revision REV", "--to=REV"];
const WHAT: &[&str] = &["--what repo", "--what=remote-tracking", "--what bogus"];

const WATCHED: &[Shape] = &[
    shape(&["bookmark create", "bookmark c"], TARGET, &["NEW", "NEW NEW", "NEW NEW NEW"]),
    shape(
        &["bookmark set", "bookmark s"],
        &["-B", "-B", "-BrREV", "-Br REV", "-BR.", "-BBr=REV", "--allow-backwards", "--to REV"],
        &["NEW", "OLD", "OLD NEW"],
    ),
    shape(&["bookmark rename", "bookmark r"], &["--overwrite-existing"], &["OLD NEW"]),
    shape(
        &["bookmark move", "bookmark m"],
        &["-B", "-BtREV", "--to REV", "-t=REV", "--allow-backwards", "-f REV", "--from=REV"],
        &["PATTERN", "PATTERN OLD", ""],
    ),
    shape(&["bookmark advance", "bookmark a"], &["-t REV", "--to=REV", "-tREV"], &["PATTERN", ""]),
    shape(&["bookmark delete", "bookmark d"], &[], &["PATTERN", "PATTERN OLD"]),
    shape(&["bookmark forget", "bookmark f"], &["--include-remotes"], &["PATTERN", "OLD PATTERN"]),
    shape(&["bookmark track", "bookmark t"], &["--remote REMOTE", "--remote=REMOTE"], &["PATTERN", "THEIRS"]),
    shape(&["bookmark untrack"], &["--remote REMOTE"], &["PATTERN", "THEIRS"]),
    shape(
        &["git push"],
        &[
            "--named NEW=REV",
            "--named=NEW=REV",
            "--named NEW=REV",
            "-b OLD",
            "-bOLD",
            "--bookmark=PATTERN",
            "--branch PATTERN",
            "-c REV",
            "--change=REV",
            "-rREV",
            "--remote REMOTE",
            "--dry-run",
            "--all",
            "--tracked",
            "--deleted",
            "-o x",
            "--allow-empty-description",
            "--tag x",
        ],
        &[""],
    ),
    shape(
        &["git fetch"],
        &[
            "-b PATTERN",
            "--branch=OLD",
            "--bookmark OLD",
            "-t x",
            "--tracked",
            "--remote REMOTE",
            "--all-remotes",
        ],
        &[""],
    ),
    shape(&["git import"], &[], &[""]),
    shape(&["undo"], &[], &[""]),
    shape(&["redo"], &[], &[""]),
    shape(&["op restore", "operation restore"], WHAT, &["OP"]),
    shape(&["op revert", "operation revert"], WHAT, &["OP", ""]),
    shape(&["op integrate", "operation integrate"], &[], &["OP", "SPECULATED"]),
    shape(
        &["abandon"],
        &["-r REV", "-rREV", "-r=REV", "--retain-bookmarks", "--restore-descendants"],
        &["REV", "REV REV", ""],
    ),
];

const OTHERS: &[Shape] = &[
    shape(&["bookmark list", "bookmark l"], &["-a", "-r REV", "--all-remotes", "-T name"], &["", "PATTERN"]),
    shape(&["git export", "git remote list", "workspace list", "st", "status", "version"], &[], &[""]),
    shape(&["op log", "operation log", "log"], &["-n 3", "-T ''", "--no-graph", "-n=1"], &["", "", "OLD"]),
    shape(&["op show", "op abandon", "operation diff"], &[], &["OP"]),
    shape(&["new", "edit"], &["-m x", "-r REV"], &["REV", ""]),
    shape(&["commit", "ci", "describe", "desc", "squash"], &["-m x", "-mx", "-m=x"], &[""]),
    shape(&["tag set", "tag delete", "tag list"], &["-r REV"], &["NEW", "OLD", ""]),
    shape(
        &["flow new", "flow", "", "", "help bookmark create", "bookmark", "nonsense"],
        &["-r REV"],
        &["", "NEW"],
    ),
];

#[rustfmt::skip]
const GLOBAL: &[&str] = &[
    "-R .", "-R.", "-R=.", "--repository .", "--repository=../other", "-R ../other", "-R ../nowhere", "-R=",
    "--at-op @", "--at-op=@-", "--at-operation @", "--config a.b=1", "--config=a.b=1",
    "--config-file ../extra.toml", "--config-file=../extra.toml", "--color always", "--color=never",
    "--color blue", "--quiet", "--quiet", "--ignore-working-copy", "--ignore-working-copy",
    "--no-integrate-operation", "--no-pager", "--no-pager", "--ignore-immutable", "--ignore-immutable",
    "--debug", "-h", "--help", "-V",
];

/// Names that are there, or may be.
const OLD: &[&str] =
    &["main", "old", "shared", "gone", "a8f2--research", "'a b'", "\"old\"", "'shared'", "theirs"];
/// `#` makes them new ones.
#[rustfmt::skip]
const NEW: &[&str] = &[
    "x#", "y-#", "a8f2--research#", "release/#", "push-#", "'a b #'", "\"q #\"", "'x#'", "x#*", "日本#",
    "\"\\t#\"", "'-#'",
];
#[rustfmt::skip]
const ODD: &[&str] = &[
    "", "x y", "x@origin", "@", "-x", "--help", "'x", "''", "x..y", "glob:x*", "x|y", "~x", "-", "x=y", "x-",
    "é²",
];
const PATTERN: &[&str] =
    &["m*", "glob:a*", "old|main", "exact:shared", "~main", "*", "none", "substring:ol", "'a b'", "bogus:x"];
const REV: &[&str] = &["@", "@", "@-", "@-", "main", "old", "@--", "root()", "none()", "all()", "", "x("];
const OP: &[&str] = &["@", "@-", "@-", "@--", "@---", "000000000000", "zz", "SPECULATED"];
/// What a hand may leave in a place that is not meant for it.
#[rustfmt::skip]
const STRAY: &[&str] = &[
    "create", "bookmark", "git", "push", "set", "x", "@", "--", "-r", "-R", "--to", "-B", "-h", "-hB", "-Vh",
    "--bogus", "--bogus=1", "-z", "-Bz", "-1", "--quiet=1", "--color", "--at-op", "--named", "--named=x",
    "--what", "--config", "", "flow", "undo", "-=", "--=", "---", "-é", "--revision=", "-r=", "--rev @",
    "--repo .", "--named==@", "--named=x=",
];

/// One command line. `speculated` is an operation that was made but not integrated.
pub(super) fn line(rng: &mut Rng, speculated: &str) -> Vec<OsString> {
    let shapes = if rng.chance(80) { WATCHED } else { OTHERS };
    let shape = &shapes[rng.below(shapes.len())];
    let mut units: Vec<&str> = rng.pick(shape.spellings).split_whitespace().collect();
    let words = units.len();
    for _ in 0..[0, 0, 1, 1, 1, 2][rng.below(6)] {
        if !shape.options.is_empty() {
            units.push(rng.pick(shape.options));
        }
    }
    let arguments = rng.pick(shape.arguments).split_whitespace();
    if rng.chance(12) {
        units.push("--");
        units.extend(arguments);
    } else {
        for argument in arguments {
            // The order of arguments stays; options come before, between and after.
            let last = units
                .iter()
                .rposition(|unit| unit.chars().all(char::is_uppercase))
                .map_or(words, |at| at + 1);
            units.insert(last + rng.below(units.len() + 1 - last), argument);
        }
    }
    for _ in 0..[0, 0, 0, 0, 1, 1, 2, 3][rng.below(8)] {
        let at = rng.below(units.len() + 1);
        units.insert(at, rng.pick(GLOBAL));
    }
    let units: Vec<_> = units.into_iter().flat_map(|unit| unit.split(' ')).collect();
    let filled = units.into_iter().map(|word| fill(rng, word).replace("SPECULATED", speculated));
    let mut argv: Vec<OsString> = filled.map(OsString::from).collect();
    while rng.chance(20) {
        mutate(rng, &mut argv);
    }
    argv
}

/// The word, with something for each place that is left open.
fn fill(rng: &mut Rng, word: &str) -> String {
    let mut filled = if word == "''" { String::new() } else { word.to_owned() };
    let places = [
        ("NEW", NEW, 92),
        ("OLD", OLD, 95),
        ("PATTERN", PATTERN, 50),
        ("REV", &REV[..9], 95),
        ("OP", OP, 100),
    ];
    for (place, usual, percent) in places {
        if filled.contains(place) {
            let other = match place {
                "PATTERN" => OLD,
                "REV" => REV,
                _ => ODD,
            };
            let text = if rng.chance(percent) { rng.pick(usual) } else { rng.pick(other) };
            filled = filled.replace(place, &text.replace('#', &rng.below(100).to_string()));
        }
    }
    let remote = rng.pick(&["origin", "origin", "origin", "o*", "none"]);
    filled
        .replace("REMOTE", remote)
        .replace("THEIRS", rng.pick(&["theirs", "theirs@origin", "shared@origin", "main"]))
}

fn mutate(rng: &mut Rng, argv: &mut Vec<OsString>) {
    let stray = match rng.below(12) {
        0 => OsString::from_vec(vec![0xff]),
        1 => OsString::from_vec(b"--to=\xff".to_vec()),
        _ => rng.pick(STRAY).into(),
    };
    let at = rng.below(argv.len() + 1);
    match rng.below(5) {
        0 if at < argv.len() => _ = argv.remove(at),
        1 if at < argv.len() => argv.insert(at, argv[at].clone()),
        2 if at < argv.len() => {
            let other = rng.below(argv.len());
            argv.swap(at, other);
        }
        3 if at < argv.len() => argv[at] = stray,
        _ => argv.insert(at, stray),
    }
}

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// Words between spaces; `''` is the empty one and `\xff` no text at all.
fn argv(line: &str) -> Vec<OsString> {
    let word = |word: &str| match word {
        "''" => OsString::new(),
        r"\xff" => OsString::from_vec(vec![0xff]),
        word => OsString::from(word),
    };
    line.split(' ').filter(|text| !text.is_empty()).map(word).collect()
}

/// A command in one line: what it is, then each name with its place.
fn told(argv: &[OsString]) -> String {
    match scan(argv).command {
        Command::Default => "default".into(),
        Command::Flow { rest } => format!("flow {rest:?}"),
        Command::Watched(Watched { verb, arguments }) => {
            let told = |argument: &Argument<'_>| match argument.offset {
                0 => format!(" {}@{}", argument.text, argument.index),
                offset => format!(" {}@{}+{offset}", argument.text, argument.index),
            };
            verb.word().to_owned() + &arguments.iter().map(told).collect::<String>()
        }
        Command::Unknown { word, index } => format!("unknown {word}@{index}"),
        Command::Jj => "jj".into(),
        Command::Malformed => "malformed".into(),
    }
}

#[rstest]
// Nothing named: the default command.
#[case("", "default")]
#[case("-R .", "default")]
#[case("-R bookmark", "default")]
#[case("--quiet", "default")]
#[case("--", "default")]
#[case("-R. --", "default")]
#[case("-r @", "default")]
#[case("-r @ bookmark create x", "default")]
#[case("-n5", "default")]
#[case("--limit 5", "default")]
#[case("-qh", "default")]
#[case("--ignore bookmark create x", "default")]
#[case("--bogus=1 st", "default")]
#[case("--bogus x --help", "malformed")]
#[case("-r x -h", "malformed")]
// jj answers at once.
#[case("--help", "jj")]
#[case("-h", "jj")]
#[case("-V", "jj")]
#[case("--version", "jj")]
#[case("-Vh", "jj")]
#[case("-Rx --help", "jj")]
#[case("--help bookmark create x", "jj")]
#[case("-V st", "jj")]
#[case("--help flow", "jj")]
#[case("--help=x", "malformed")]
// Built in, and none of our business.
#[case("log", "jj")]
#[case("log -r @ --bogus", "jj")]
#[case("-R . --quiet log", "jj")]
#[case("op log", "jj")]
#[case("operation log", "jj")]
#[case("evolution-log", "jj")]
#[case("obslog", "jj")]
#[case("debug tree", "jj")]
#[case("help bookmark create", "jj")]
#[case("git remote add x y", "jj")]
#[case("git nonsense", "jj")]
#[case("git --help push", "jj")]
#[case("op undo", "jj")]
#[case("op --nonsense restore x", "malformed")]
#[case("util exec -- jj bookmark create x", "jj")]
#[case("simplify-parents", "jj")]
#[case("st", "jj")]
#[case("ci -m x", "jj")]
#[case("desc", "jj")]
#[case(r"log \xff", "jj")]
// Only config knows.
#[case("b", "unknown b@0")]
#[case("b c x", "unknown b@0")]
#[case("-R . b create x", "unknown b@2")]
#[case("-R. --config=a=b bc x", "unknown bc@2")]
#[case("bookmarks", "unknown bookmarks@0")]
#[case("bookmar create x", "unknown bookmar@0")]
#[case("Bookmark create x", "unknown Bookmark@0")]
#[case("bench", "unknown bench@0")]
#[case("converge", "unknown converge@0")]
#[case("''", "unknown @0")]
#[case("-", "unknown -@0")]
#[case("é", "unknown é@0")]
#[case("--color never mine -r @", "unknown mine@2")]
#[case("mine --help", "unknown mine@0")]
// Nothing stands behind `--`.
#[case("-- bookmark create x", "malformed")]
#[case("-- b c x", "malformed")]
#[case("-- flow", "malformed")]
#[case("-- -h", "malformed")]
#[case("bookmark -- create x", "malformed")]
// Global options that are wrong.
#[case("--color", "malformed")]
#[case("--color=bogus st", "malformed")]
#[case("--color=ALWAYS st", "malformed")]
#[case("--color= st", "malformed")]
#[case("--quiet=true st", "malformed")]
#[case("--debug= st", "malformed")]
#[case("-R", "malformed")]
#[case("-R -- st", "malformed")]
#[case("-R --quiet st", "malformed")]
#[case("--config --quiet st", "malformed")]
#[case(r"\xff", "malformed")]
#[case(r"-R \xff flow", "malformed")]
// `flow`, with globals before it; what follows is its own affair.
#[case("flow", "flow []")]
#[case("flow new research", r#"flow ["new", "research"]"#)]
#[case("-R x flow new", r#"flow ["new"]"#)]
#[case("--config a=b --at-op=@ flow list --help", r#"flow ["list", "--help"]"#)]
#[case("flow -R x -- -y", r#"flow ["-R", "x", "--", "-y"]"#)]
#[case("flow --bogus", r#"flow ["--bogus"]"#)]
#[case("flows", "unknown flows@0")]
fn first_word(#[case] line: &str, #[case] expected: &str) {
    assert_eq!(told(&argv(line)), expected);
}

#[rstest]
// Every spelling of the verbs.
#[case("create x", "create x@2")]
#[case("c x", "create x@2")]
#[case("set x", "set x@2")]
#[case("s x", "set x@2")]
#[case("rename x y", "rename x@2 y@3")]
#[case("r x y", "rename x@2 y@3")]
#[case("advance x", "advance x@2")]
#[case("a", "advance")]
#[case("delete x", "delete x@2")]
#[case("d x", "delete x@2")]
#[case("forget x --include-remotes", "forget x@2")]
#[case("f x", "forget x@2")]
#[case("list", "jj")]
#[case("l --bogus", "jj")]
#[case("move x --to @", "move x@2")]
#[case("m x", "move x@2")]
#[case("track x --remote y", "track")]
#[case("t x", "track")]
#[case("untrack x", "untrack")]
#[case("u x", "malformed")]
#[case("creat x", "malformed")]
#[case("bookmark create x", "malformed")]
#[case("", "malformed")]
#[case("''", "malformed")]
#[case("-h", "jj")]
#[case("--help create", "jj")]
#[case("-V", "malformed")]
#[case("--bogus create x", "malformed")]
// Several names, and none.
#[case("create x y z", "create x@2 y@3 z@4")]
#[case("create x x", "create x@2 x@3")]
#[case("create", "malformed")]
#[case("create -r @", "malformed")]
#[case("create --", "malformed")]
#[case("set -B", "malformed")]
#[case("rename x", "malformed")]
#[case("rename x y z", "malformed")]
#[case("rename", "malformed")]
// Global options before, between and after.
#[case("-R . create x", "create x@4")]
#[case("-R. create x", "create x@3")]
#[case("-R=. create -R=. x", "create x@4")]
#[case("create -R . x", "create x@4")]
#[case("create x -R .", "create x@2")]
#[case("create -R x y", "create y@4")]
#[case("create --repository=. x", "create x@3")]
#[case("create --repository . x", "create x@4")]
#[case("create --at-op @ x --at-operation=@ y", "create x@4 y@6")]
#[case("create --config a=b x --config-file f y", "create x@4 y@7")]
#[case("create --config=a=b x", "create x@3")]
#[case("create --color always x", "create x@4")]
#[case("create --color blue x", "malformed")]
#[case("create --quiet x --no-pager --debug", "create x@3")]
#[case("create --ignore-working-copy --ignore-immutable --no-integrate-operation x", "create x@5")]
#[case("create --quiet --quiet x", "create x@4")]
// The verbs' own options.
#[case("create -r @ x", "create x@4")]
#[case("create -r@ x", "create x@3")]
#[case("create -r=@ x", "create x@3")]
#[case("create -r@- x", "create x@3")]
#[case("create -r - x", "create x@4")]
#[case("create x -r @", "create x@2")]
#[case("create --revision @ x", "create x@4")]
#[case("create --revision=@ x", "create x@3")]
#[case("create --to @ x", "create x@4")]
#[case("create --to=@ x y", "create x@3 y@4")]
#[case("create -r @ -r @- x", "create x@6")]
#[case("create -r x", "malformed")]
#[case("create -r '' x", "malformed")]
#[case("create -r= x", "malformed")]
#[case("create --revision= x", "malformed")]
#[case("create --rev @ x", "malformed")]
#[case("create --from @ x", "malformed")]
#[case("create x -r", "malformed")]
#[case("create -r -x y", "malformed")]
#[case("create -r -- x", "malformed")]
#[case("create -B x", "malformed")]
#[case("create --allow-backwards x", "malformed")]
#[case("create --overwrite-existing x", "malformed")]
#[case("create -V x", "malformed")]
#[case("create -1 x", "malformed")]
#[case("create --= x", "malformed")]
#[case("set -B x", "set x@3")]
#[case("set x -B", "set x@2")]
#[case("set --allow-backwards x", "set x@3")]
#[case("set --allow-backwards=true x", "malformed")]
#[case("set --to @ x y", "set x@4 y@5")]
#[case("set --overwrite-existing x", "malformed")]
#[case("rename --overwrite-existing x y", "rename x@3 y@4")]
#[case("rename x --overwrite-existing y", "rename x@2 y@4")]
#[case("rename x y -R .", "rename x@2 y@3")]
#[case("rename -r @ x y", "malformed")]
#[case("rename --to @ x y", "malformed")]
#[case("rename -B x y", "malformed")]
// Clusters.
#[case("set -Br@ x", "set x@3")]
#[case("set -Br @ x", "set x@4")]
#[case("set -BR. x", "set x@3")]
#[case("set -BR . x", "set x@4")]
#[case("set -BBr=@ x", "set x@3")]
#[case("set -B=x y", "malformed")]
#[case("set -Bz x", "malformed")]
#[case("set -zB x", "malformed")]
#[case("set -BrR. x", "set x@3")]
#[case("set -Bé x", "malformed")]
// Help is help anywhere before `--`.
#[case("create --help", "jj")]
#[case("create x -h", "jj")]
#[case("create -hx", "jj")]
#[case("set -Bh", "jj")]
#[case("rename x -h", "jj")]
#[case("create --bogus -h", "malformed")]
// Behind `--` all are names.
#[case("create -- x", "create x@3")]
#[case("create x -- y", "create x@2 y@4")]
#[case("create x --", "create x@2")]
#[case("create -- -h", "create -h@3")]
#[case("create -- -- x", "create --@3 x@4")]
#[case("create -- -R .", "create -R@3 .@4")]
#[case("rename x -- y", "rename x@2 y@4")]
// Names as they were written.
#[case("create 'x'", "create 'x'@2")]
#[case("create ''", "create @2")]
#[case("create -", "create -@2")]
#[case("create create", "create create@2")]
#[case("create flow", "create flow@2")]
#[case("create a=b", "create a=b@2")]
#[case(r"create \xff", "malformed")]
#[case(r"create x -r \xff", "malformed")]
#[case(r"create x -- \xff", "malformed")]
fn bookmark(#[case] line: &str, #[case] expected: &str) {
    assert_eq!(told(&argv(&format!("bookmark {line}"))), expected);
}

#[rstest]
#[case("git push", "push")]
#[case("git push --named x=@", "push x@3")]
#[case("git push --named=x=@ -c@", "push x@2+8")]
#[case("git push --named x", "malformed")]
#[case("git push -b x --branch=y -bz --bookmark w", "push x@3 y@4+9 z@5+2 w@7")]
#[case("git push -b=x --dry-run --all", "push x@2+3")]
#[case("git push x", "malformed")]
#[case("git push --remote origin -r @ -o a --tag t --deleted", "push")]
#[case("git push --bogus", "malformed")]
#[case("git fetch -b x --all-remotes --remote=y", "fetch")]
#[case("git fetch x", "malformed")]
#[case("git -R x import --quiet", "import")]
#[case("undo", "undo")]
#[case("undo x", "malformed")]
#[case("undo -h", "jj")]
#[case("redo --at-op=x", "redo")]
#[case("op restore x --what repo", "restore")]
#[case("op restore x --what bogus", "malformed")]
#[case("operation restore", "malformed")]
#[case("op revert", "revert")]
#[case("operation revert x", "revert")]
#[case("op integrate x", "integrate")]
#[case("op abandon x", "jj")]
#[case("abandon", "abandon")]
#[case("abandon x -r y --retain-bookmarks z", "abandon")]
#[case("abandon --revision x", "malformed")]
#[case("bookmark move --from x -t y z", "move z@6")]
#[case("bookmark move -B", "move")]
#[case("bookmark delete", "malformed")]
#[case("bookmark track", "malformed")]
fn what_acts_on_bookmarks(#[case] line: &str, #[case] expected: &str) {
    assert_eq!(told(&argv(line)), expected);
}

#[rstest]
#[case("-R a bookmark -R=b create -Rc x", Globals { repository: Some("c"), ..Globals::default() })]
#[case("--repository=a flow -R b", Globals { repository: Some("a"), ..Globals::default() })]
#[case("-R= flow", Globals { repository: Some(""), ..Globals::default() })]
#[case("-R - flow", Globals { repository: Some("-"), ..Globals::default() })]
#[case("--at-op a --at-operation=b flow", Globals { at_operation: Some("b"), ..Globals::default() })]
#[case("--at-op a --at-op @ flow", Globals::default())]
#[case("--at-op @- flow", Globals { at_operation: Some("@-"), ..Globals::default() })]
#[case("--quiet bookmark set x", Globals { quiet: true, ..Globals::default() })]
#[case("bookmark set x --quiet", Globals { quiet: true, ..Globals::default() })]
#[case("bookmark set -- x --quiet", Globals::default())]
#[case("bookmark --no-integrate-operation set x", Globals { no_integrate_operation: true, ..Globals::default() })]
#[case("--ignore-working-copy b", Globals { ignore_working_copy: true, ..Globals::default() })]
#[case("--color=never --color debug flow", Globals { color: Some("debug"), ..Globals::default() })]
#[case("log -R a", Globals::default())]
fn globals(#[case] line: &str, #[case] expected: Globals<'_>) {
    assert_eq!(scan(&argv(line)).globals, expected);
}

#[rstest]
#[case("--config a=1 --config-file f --config=b=2 flow", "a=1 <f> b=2")]
#[case("bookmark create x --config a=1 y --config b=2", "a=1 b=2")]
// A later word's replace an earlier one's, each kind for itself.
#[case("--config a=1 bookmark --config b=2 create x", "b=2")]
#[case("--config a=1 --config b=2 bookmark create x --config c=3 --config d=4", "c=3 d=4")]
#[case("--config a=1 --config-file f bookmark create --config b=2 x", "<f> b=2")]
#[case("--config a=1 bookmark create --config-file f x", "a=1 <f>")]
#[case("--config a=1 bookmark create x", "a=1")]
fn configs(#[case] line: &str, #[case] expected: &str) {
    let argv = argv(line);
    let shown = scan(&argv).globals.configs.into_iter().map(|arg| match arg {
        ConfigArg::Item(item) => item.to_owned(),
        ConfigArg::File(path) => format!("<{path}>"),
    });
    assert_eq!(shown.collect::<Vec<_>>().join(" "), expected);
}

#[rstest]
#[case("bc x", 0, "bookmark create", "bookmark create x", "create x@2")]
#[case("-R . b c x", 2, "bookmark", "-R . bookmark c x", "create x@4")]
#[case("q set x", 0, "--quiet bookmark", "--quiet bookmark set x", "set x@3")]
#[case("mine y", 0, "bookmark rename x", "bookmark rename x y", "rename x@2 y@3")]
#[case("fl list", 0, "flow", "flow list", r#"flow ["list"]"#)]
#[case("none", 0, "", "", "default")]
#[case("loop", 0, "loop", "loop", "unknown loop@0")]
#[case(r"x \xff", 0, "log", r"log \xff", "jj")]
#[case("x", 7, "y", "x y", "unknown x@0")]
fn expanding(
    #[case] line: &str,
    #[case] index: usize,
    #[case] definition: &str,
    #[case] expanded: &str,
    #[case] expected: &str,
) {
    let definition: Vec<_> = definition.split_terminator(' ').map(str::to_owned).collect();
    let result = expand(&argv(line), index, &definition);
    assert_eq!(result, argv(expanded));
    assert_eq!(told(&result), expected);
}

#[rstest]
fn builtin_words_are_jjs() {
    for word in ["git", "op", "bookmark"] {
        assert_eq!(told(&argv(word)), "malformed");
    }
    for word in ["arrange", "run", "workspace", "tag", "unsign", "version"] {
        assert_eq!(told(&argv(word)), "jj");
    }
}

proptest! {
    #[test]
    fn any_bytes(args in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..8)) {
        let argv: Vec<_> = args.into_iter().map(OsString::from_vec).collect();
        told(&argv);
    }

    /// Near the grammar: a name is always an argument, in order, and no option of those before `--`.
    #[test]
    fn names_are_arguments(words in prop::collection::vec(any_word(), 0..12)) {
        let argv = argv(&format!("bookmark {}", words.join(" ")));
        if let Command::Watched(Watched { arguments, .. }) = scan(&argv).command {
            prop_assert!(arguments.is_sorted_by(|one, next| one.index < next.index));
            for Argument { index, text, .. } in arguments {
                prop_assert_eq!(&argv[index], text);
                prop_assert!(is_word(text) || argv[..index].iter().any(|arg| arg == "--"));
            }
        }
    }
}

fn any_word() -> impl Strategy<Value = &'static str> {
    let words = r"create c set s rename r x y - -- -r -r@ -B -BR. -R --to --to=@
                  --config --config=a=b --quiet --color never -h --bogus '' \xff";
    prop::sample::select(words.split_whitespace().collect::<Vec<_>>())
}

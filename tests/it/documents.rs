//! Documents name what is there: every command line of the README, of the skills and of `--help` is taken for one by a
//! shell, jj and jj-flow, and runs where it says that it does. This is how; what is in which document, the files beside
//! this one have.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::hints::is_command;
use crate::shim::{environment, script};

/// What a line needs before it runs, by how it begins; in the same shell, so that `exec <file` gives it a stdin.
const PREPARED: &[(&str, &str)] = &[
    ("jj flow abort", CONFLICT),
    ("jj flow adopt feature-x --as 'jj research'", "jj bookmark delete 'glob:a8f2--*'"),
    ("jj flow done --message", "jj flow new docs; echo x >page"),
    ("jj flow hook", "echo '{\"tool_input\": {\"command\": \"git branch docs\"}}' >event.json"),
    ("jj flow import flows.ndjson", "jj flow export -o flows.ndjson"),
    ("jj flow resume", RESOLVED),
    ("jj flow split", COMPONENTS),
    ("jj flow sync --all", CHANGED),
    ("jj flow undo", "jj flow done scaling"),
    ("jj bookmark create research", "jj bookmark delete 'glob:a8f2--*'"),
    ("jj bookmark move research", "jj flow new research; jj new -m more"),
    (
        "jj git push -b research",
        "jj flow new research -m one; echo x >page; jj bookmark track research --remote origin",
    ),
    ("jj redo", "jj new; jj undo"),
    ("jj-flow uninstall", "jj-flow install"),
];

/// No repo that is gone, and a flow that has moved.
pub(crate) const CHANGED: &str =
    "jj flow repo forget ~/src/gone; jj -R ~/src/one bookmark set -B a8f2--research -r @-";

/// Two folders with a history.
const COMPONENTS: &str = "mkdir -p Components/api Components/web; echo x | tee Components/api/lib Components/web/page; \
     jj commit -m components; jj bookmark move main --to @-";

/// A flow that has met a conflict: the current one.
const CONFLICT: &str = "jj flow new schema; echo mine >base; jj commit -m mine; jj new main; echo theirs >base; \
     jj commit -m theirs; jj bookmark move main --to @-; jj new a8f2--schema; jj flow done || [ $? = 3 ]";

const RESOLVED: &str = "jj flow new schema; echo mine >base; jj commit -m mine; jj new main; echo theirs >base; \
     jj commit -m theirs; jj bookmark move main --to @-; jj new a8f2--schema; jj flow done || [ $? = 3 ]; \
     jj new a8f2--schema; echo both >base; jj squash --use-destination-message";

/// Lines that do not run here, each with the reason; `--help` behind them is asked all the same.
const NOT_RUN: &[(&str, &str)] = &[("jj flow land --watch", "it ends when it is stopped")];

/// A machine and a home on it in which the documents make sense, with all of it kept aside.
pub(crate) struct Scene<'e> {
    pub(crate) repo: TestRepo<'e>,
}

impl<'e> Scene<'e> {
    /// `field` has a remote, the flow `a8f2--jjResearch` with the sub-flow `scaling` at work, and a bookmark that is no
    /// flow's; `fresh` has a commit on `main`; `~/src` has two repos, and one that is gone.
    pub(crate) fn new(env: &'e TestEnvironment) -> Self {
        env.dir("").sh("mkdir -p home/.local; ln -s ../../data home/.local/share").ok();
        let shim = format!("{0}/shim:{0}/bin:/usr/bin:/bin", env.root().display());
        let repo = env.repo("field").with("PATH", &shim);
        let install = std::fs::read_to_string(in_checkout("jj-config/flow.toml")).unwrap();
        env.add_config(&install);
        // Another machine, whose shell has a jj and no jj-flow.
        script(
            &env.root().join("bin/ssh"),
            "cd $TEST_ENV/build || exit; shift; PATH=$TEST_ENV/bin:/usr/bin:/bin sh -c \"$*\"",
        );
        repo.sh(
            "set -e
            jj git init --quiet ../fresh; cd ../fresh; echo x >base; jj commit -m base; jj bookmark create main -r @-
            mkdir -p ../build/work; cd ../build/work; jj git init --quiet api; cd api
            jj bookmark create b1c4--docs; cd ../../../field
            git init --quiet --bare ../hub.git; jj git remote add origin ../hub.git
            echo x >base; jj commit -m base; jj bookmark create main -r @-; jj git push --bookmark main
            jj bookmark create --config flow.policy=off feature-x -r main
            mkdir -p ~/src
            for name in one two gone; do
                jj git init --quiet ~/src/$name; cd ~/src/$name; echo x >base; jj commit -m base
                jj bookmark create a8f2--research; cd $TEST_ENV/field
            done
            jj-flow repo add ~/src/gone; rm -rf ~/src/gone
            jj flow new JJ research; echo x >one; jj commit -m one; jj flow sub scaling; echo x >two; jj commit -m two
            cd $TEST_ENV; mkdir .kept; cp -a field fresh hub.git build home data config .kept",
        )
        .ok();
        Self { repo }
    }

    /// Puts everything back where it was.
    fn restore(&self) {
        let names = "field fresh hub.git build home data config";
        self.repo.env().dir("").sh(&format!("rm -rf {names} && cp -a .kept/. .")).ok();
    }

    /// Runs a line of a document as somebody would type it, in a scene where nobody has done anything yet.
    fn run(&self, line: &str) -> Output {
        self.restore();
        let prepared = PREPARED.iter().filter(|(begins, _)| line.starts_with(begins));
        let prepared: String = prepared.map(|(_, script)| format!("{script}\n")).collect();
        self.repo.sh(&format!("set -e\n{prepared}set +e\n{line}"))
    }

    /// What is wrong with a line of a document: it does not run, or, where it is a synopsis, its program does not know
    /// every word of it.
    fn fault(&self, line: &str) -> Option<String> {
        let line = strip_comment(line);
        let is_spared = NOT_RUN.iter().any(|(spared, _)| *spared == line);
        let is_asked = is_spared || is_synopsis(line);
        let output = if is_asked { self.ask(line) } else { self.run(line) };
        fault_of(line, &output)
    }

    /// The same for a span of code, which may be no more than a command's name.
    fn fault_of_span(&self, span: &str) -> Option<String> {
        let fault = self.fault(span)?;
        let is_name = span
            .split(' ')
            .all(|word| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'));
        if is_name { fault_of(span, &self.ask(span)) } else { Some(fault) }
    }

    fn ask(&self, line: &str) -> Output {
        self.repo.sh(&format!("{} --help", instantiated(line)))
    }

    /// No line has a fault.
    #[track_caller]
    pub(crate) fn check<'l>(&self, lines: impl IntoIterator<Item = &'l str>) {
        let faults: String = lines.into_iter().filter_map(|line| self.fault(line)).collect();
        assert!(faults.is_empty(), "{faults}");
    }

    /// No span has a fault.
    #[track_caller]
    pub(crate) fn check_spans<'l>(&self, spans: impl IntoIterator<Item = &'l str>) {
        let faults: String = spans.into_iter().filter_map(|span| self.fault_of_span(span)).collect();
        assert!(faults.is_empty(), "{faults}");
    }
}

fn fault_of(line: &str, output: &Output) -> Option<String> {
    (output.code != 0 || !is_command(output)).then(|| format!("`{line}` does not run:\n{output}\n"))
}

/// A file of the checkout.
pub(crate) fn in_checkout(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A document's fenced blocks (their language, and their lines) and its spans of code.
pub(crate) struct Document {
    pub(crate) blocks: Vec<(String, Vec<String>)>,
    pub(crate) spans: Vec<String>,
    /// What is neither.
    pub(crate) text: String,
}

impl Document {
    pub(crate) fn load(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let fence = Regex::new(r"(?ms)^ *```(\w*)\n(.*?)^ *```$").unwrap();
        let found = fence.captures_iter(&text);
        let blocks = found.map(|found| (found[1].to_owned(), found[2].lines().map(str::to_owned).collect()));
        let blocks = blocks.collect();
        let text = fence.replace_all(&text, "").into_owned();
        let span = Regex::new(r"``\s?(.+?)\s?``|`([^`]+)`").unwrap();
        let spans = span.captures_iter(&text).map(|found| {
            let span = found.get(1).or(found.get(2)).unwrap().as_str();
            span.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        Self { blocks, spans: spans.collect(), text: text.clone() }
    }

    /// What somebody would type, of the blocks in these languages: behind `$ ` in a session. A line that ends in `\`
    /// goes on.
    pub(crate) fn lines(&self, languages: &[&str]) -> Vec<String> {
        let blocks = self.blocks.iter().filter(|(language, _)| languages.contains(&language.as_str()));
        let lines = blocks.flat_map(|(language, lines)| {
            let joined = lines.join("\n").replace("\\\n", "");
            let typed = |line: &str| match language.as_str() {
                "console" => line.strip_prefix("$ ").map(str::to_owned),
                _ => Some(line.trim().to_owned()),
            };
            joined.lines().filter_map(typed).collect::<Vec<_>>()
        });
        lines.filter(|line| !strip_comment(line).is_empty()).collect()
    }

    /// The spans that are command lines of jj or jj-flow.
    pub(crate) fn commands(&self) -> Vec<String> {
        let command = Regex::new(r"^(?:[A-Z_]+=\w+ )?(?:jj [a-z-]|jj-flow(?: |$))").unwrap();
        let commands: BTreeSet<&String> = self.spans.iter().filter(|span| command.is_match(span)).collect();
        commands.into_iter().cloned().collect()
    }
}

/// A line without the comment behind it.
pub(crate) fn strip_comment(line: &str) -> &str {
    let line = if line.starts_with('#') { "" } else { line };
    line.split(" # ").next().unwrap().split("  #").next().unwrap().trim()
}

static HOLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?:[A-Z]+|…|[A-Z]+=[A-Z]+)…?$").unwrap());

/// Whether a line stands for several: with `[…]`, or with words that something is to be put in place of.
fn is_synopsis(line: &str) -> bool {
    line.split(' ').any(|word| word.starts_with('[') || HOLE.is_match(word))
}

/// A synopsis with all of its options and with something in the place of what is left open.
fn instantiated(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let word = word.trim_matches(['[', ']']);
        match word.trim_end_matches('…') {
            "NAME=VALUE" => "flow.push=false",
            "PATH" | "ROOT" => ".",
            "" | "…" => "x",
            hole if HOLE.is_match(hole) => "x",
            _ => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_document_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doc.md");
    let text = "Say `jj flow\nnew x` or ``jj `y` ``.\n```sh\n# no\njj a \\\n  b   # why\n```\n```console\n$ jj c\nout\n```\n";
    std::fs::write(&path, text).unwrap();
    let document = Document::load(&path);
    assert_eq!(document.commands(), ["jj flow new x", "jj `y`"][..1]);
    assert_eq!(document.spans.len(), 2);
    assert_eq!(document.lines(&["sh", "console"]), ["jj a   b   # why", "jj c"]);
    assert_eq!(strip_comment("jj a   b   # why"), "jj a   b");
    assert!(is_synopsis("jj flow done [FLOW] --reason …") && !is_synopsis("jj flow query 'SELECT 1'"));
    assert_eq!(
        instantiated("jj flow new INTENT… [--parent F] --reason …"),
        "jj flow new x --parent x --reason x"
    );
}

#[test]
fn a_line_that_is_wrong_is_noticed() {
    let env = environment();
    let scene = Scene::new(&env);
    for line in
        ["jj flow done --nonsense", "jj flow nonsense", "jj nonsense", "jj-flow sub --of x --nonsense"]
    {
        assert!(scene.fault(line).is_some(), "{line}");
        assert!(scene.fault(&format!("{line} [X]")).is_some(), "{line}");
    }
    scene.check(["jj flow done [FLOW]"]);
}

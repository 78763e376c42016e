//! Killed at each step of a landing: the repo is in the state before or in the state after, the next command says
//! which, and the same command again comes to the same end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use rstest::rstest;

use crate::common::invariants::{Since, Told, assert_rebuilt, assert_sound};
use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{repo, work};
use crate::shim::environment;

const FLOW: &str = "a8f2--research";

/// What lands, and what is around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    FastForward,
    Rebase,
    /// A rebase, with another workspace on the flow's own change, one on a sub-flow that has failed, and one on
    /// nobody's change on top. All have files that no change holds yet.
    Stacked,
    Verified,
    /// A rebase in conflict in two changes, and a hook that resolves it.
    Resolved,
    /// The same without a hook: exit 3.
    Conflict,
    Pushed,
    /// Pushed to a remote where somebody else was first.
    PushedSecond,
}

/// A machine with a repo in that shape.
struct Scene {
    env: TestEnvironment,
    shape: Shape,
    since: Since,
}

impl Scene {
    fn new(shape: Shape) -> Self {
        let env = environment();
        env.add_config("[git]\nprivate-commits = \"none()\"\n");
        let mut since = Since::default();
        {
            let repo = repo(&env);
            let mut keep = |text: &str| _ = since.texts.insert(text.to_owned());
            let is_pushed = matches!(shape, Shape::Pushed | Shape::PushedSecond);
            if is_pushed {
                env.bare_git("hub.git");
                repo.jj(&["git", "remote", "add", "origin", "../hub.git"]).ok();
                repo.jj(&["bookmark", "track", "main", "--remote=origin"]).ok();
                repo.jj(&["git", "push", "--remote=origin", "--bookmark=main"]).ok();
            }
            repo.flow(&["new", "research", "--message=research: one"]).ok();
            repo.write("shared", "mine\n");
            // A resolution takes its place.
            if shape != Shape::Resolved {
                keep("mine\n");
            }
            repo.jj(&["new", "--message=research: two"]).ok();
            repo.write("notes", "not committed by anybody\n");
            keep("not committed by anybody\n");
            let mut roots = vec![repo.root().to_owned()];
            if shape == Shape::Stacked {
                repo.write("shared", "mine\n");
                repo.jj(&["status"]).ok();
                for (name, on) in [("inside", "edit"), ("above", "new"), ("below", "new")] {
                    let other = repo.workspace(name);
                    let at = if name == "below" {
                        "description(substring:'research: one')"
                    } else {
                        "description(substring:'research: two')"
                    };
                    other.jj(&[on, at]).ok();
                    other.write(&format!("{name}-file"), &format!("{name}, not committed\n"));
                    keep(&format!("{name}, not committed\n"));
                    roots.push(other.root().to_owned());
                }
            }
            if !matches!(shape, Shape::FastForward | Shape::Verified | Shape::Pushed | Shape::PushedSecond) {
                // Somebody else lands meanwhile, from a workspace of their own.
                let other = repo.workspace("elsewhere");
                other.jj(&["new", "main"]).ok();
                let is_conflict = matches!(shape, Shape::Resolved | Shape::Conflict);
                other.commit(if is_conflict { "shared" } else { "theirs" }, "theirs\n", "somebody else's");
                keep("theirs\n");
                other.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
                roots.push(other.root().to_owned());
            }
            if shape == Shape::PushedSecond {
                let other = env.dir("clone");
                env.dir("").jj(&["git", "clone", "hub.git", "clone"]).ok();
                other.jj(&["new", "main"]).ok();
                work(&other, &["theirs"]);
                other.jj(&["bookmark", "move", "main", "--to=@-"]).ok();
                other.jj(&["git", "push", "--bookmark=main"]).ok();
            }
            match shape {
                Shape::Verified => env.add_config("[flow.hooks]\nverify = \"test -f notes\"\n"),
                Shape::Resolved => env.add_config("[flow.hooks]\non-conflict = \"echo both >shared\"\n"),
                _ => {}
            }
            since.workspaces = roots;
            since.parents = Since::now(&repo, &["main"]).parents;
        }
        Self { env, shape, since }
    }

    fn repo(&self) -> TestRepo<'_> {
        self.env.dir("field")
    }

    fn has_landed(&self) -> bool {
        let landed =
            self.repo().changes("description(substring:'research: ') & ::bookmarks(exact:main)").len();
        assert!(landed == 0 || landed == 2, "half of a landing:\n{}", self.repo().log());
        landed == 2
    }

    fn status(&self) -> String {
        self.env.rows(&format!("SELECT status FROM FlowRegistry WHERE bookmark = '{FLOW}'")).trim().to_owned()
    }

    /// What is done, and how it ends where nothing is in its way.
    fn run(&mut self, act: Act) {
        let output = self.repo().flow(act.command(self.shape));
        assert!(act.codes(self.shape).contains(&output.code), "{output}");
        if act == Act::Land {
            self.since.told = vec![Told::new(FLOW, "main", "research: two", &output)];
        }
    }

    /// What must hold at the end.
    fn check(&self, act: Act) {
        assert_sound(&self.repo(), &self.since);
        assert_rebuilt(&self.env, &[&self.repo()]);
        self.check_level(act);
    }

    /// Git's refs are where jj's bookmarks are, and no workspace is left behind.
    fn check_level(&self, act: Act) {
        let all = self.repo().bookmarks();
        let at = |name: &str| all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        // Where nothing landed, plain jj in another workspace has left them alone.
        for name in ["main", FLOW].iter().filter(|_| self.shape != Shape::Conflict && self.has_landed()) {
            assert_eq!(at(name), at(&format!("{name}@git")), "{all}");
        }
        for root in &self.since.workspaces {
            let workspace = self.env.dir(root.file_name().unwrap().to_str().unwrap());
            // A restack is on nobody's record: who was left behind by one is told by jj itself.
            let status: &[&str] =
                if act == Act::Restack { &["workspace", "update-stale"] } else { &["status"] };
            let output = workspace.jj(status);
            assert_eq!(output.code, 0, "{}: {output}", root.display());
        }
    }

    /// Everything that can be seen of the end, without ids and times.
    fn end(&self) -> String {
        let repo = self.repo();
        // What was published without a landing reaches git with the next command of jj's own.
        repo.jj(&["--ignore-working-copy", "git", "export"]).ok();
        let template = r#"separate(" ", description.first_line(), "bookmarks:" ++ bookmarks, "at:" ++ working_copies,
            if(conflict, "conflict"), if(divergent, "divergent"), if(empty, "empty"),
            "on: " ++ parents.map(|parent| parent.description().first_line()).join(", "),
            "files: " ++ self.diff().files().map(|file| file.status_char() ++ stringify(file.path())).join(" ")) ++ "\n""#;
        let log =
            repo.jj(&["--ignore-working-copy", "log", "--no-graph", "-r", "all()", "-T", template]).ok();
        let mut changes: Vec<String> = log.stdout.lines().map(str::to_owned).collect();
        changes.sort();
        let mut disk = BTreeMap::new();
        for root in &self.since.workspaces {
            read_into(root, root, &mut disk);
        }
        let rows = self.env.rows("SELECT bookmark, status, parent_flow FROM FlowRegistry ORDER BY bookmark");
        let landings = self.env.rows(
            "SELECT f.bookmark, l.parent, l.state, l.changes, l.rebased, l.verification IS NULL, l.remote \
             FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow WHERE l.state <> 'dropped' ORDER BY l.id",
        );
        let conflicts = self.env.rows("SELECT parent, state FROM conflicts WHERE state = 'open'");
        let tree = repo.git(&["rev-parse", "main^{tree}"]).ok().stdout;
        let hub = self.env.root().join("hub.git");
        let pushed = if hub.exists() {
            self.env.dir("hub.git").git(&["rev-parse", "main^{tree}"]).ok().stdout
        } else {
            String::new()
        };
        format!("{}\n{disk:#?}\n{rows}{landings}{conflicts}main {tree}pushed {pushed}", changes.join("\n"))
    }
}

fn read_into(root: &Path, folder: &Path, disk: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() && name != ".jj" && name != ".git" {
            read_into(root, &path, disk);
        } else if path.is_file() {
            let shown = path.strip_prefix(root.parent().unwrap()).unwrap().to_str().unwrap().to_owned();
            disk.insert(shown, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// What is killed, and done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Land,
    Restack,
    Undo,
    Abort,
}

impl Act {
    /// What has to be done before.
    fn prepare(self, scene: &Scene) {
        match self {
            Self::Undo => _ = scene.repo().flow(&["done", "research"]).exits(0),
            Self::Abort => _ = scene.repo().flow(&["done", "research"]).exits(3),
            Self::Land | Self::Restack => {}
        }
    }

    fn command(self, shape: Shape) -> &'static [&'static str] {
        match self {
            Self::Land if matches!(shape, Shape::Pushed | Shape::PushedSecond) => {
                &["done", "research", "--push"]
            }
            Self::Land => &["done", "research"],
            Self::Restack => &["restack", "research"],
            Self::Undo => &["undo", "research"],
            Self::Abort => &["abort", "research"],
        }
    }

    /// What has been taken back cannot be again.
    fn codes(self, shape: Shape) -> &'static [i32] {
        match self {
            Self::Land if shape == Shape::Conflict => &[3],
            Self::Land | Self::Restack => &[0],
            Self::Undo | Self::Abort => &[0, 1],
        }
    }
}

/// How each act ends without a kill, played once for all tests of one process.
type Ends = BTreeMap<(Shape, Act), Arc<OnceLock<String>>>;

/// How the same ends without a kill.
fn undisturbed(shape: Shape, act: Act) -> String {
    static ENDS: Mutex<Ends> = Mutex::new(BTreeMap::new());
    let end = ENDS.lock().unwrap().entry((shape, act)).or_default().clone();
    let run = || {
        let mut scene = Scene::new(shape);
        act.prepare(&scene);
        scene.run(act);
        scene.check(act);
        scene.end()
    };
    end.get_or_init(run).clone()
}

fn killed(shape: Shape, act: Act, step: &str) {
    let mut scene = Scene::new(shape);
    act.prepare(&scene);
    let command = act.command(shape);
    scene.repo().flow_with(command, |command| command.env("JJ_FLOW_FAILPOINT", step)).exits(137);
    // Before or after, and never half.
    let landed = scene.has_landed();
    // The next command says which.
    scene.repo().flow(&[]).ok();
    assert_eq!((scene.has_landed(), scene.status() == "merged"), (landed, landed), "{step}");
    scene.run(act);
    scene.check(act);
    assert_eq!(scene.end(), undisturbed(shape, act), "{step}");
}

#[rstest]
fn a_fast_forward(
    #[values("planned", "sealed", "journalled", "published", "read-back", "brought-along", "recorded")] step: &str,
) {
    killed(Shape::FastForward, Act::Land, step);
}

#[rstest]
fn a_rebase(
    #[values("planned", "sealed", "journalled", "published", "read-back", "brought-along", "recorded")] step: &str,
) {
    killed(Shape::Rebase, Act::Land, step);
}

#[rstest]
fn a_rebase_with_workspaces_stacked_on_it(
    #[values(
        "planned",
        "sealing",
        "sealed",
        "journalled",
        "published",
        "read-back",
        "recorded",
        "brought-along"
    )]
    step: &str,
) {
    killed(Shape::Stacked, Act::Land, step);
}

#[rstest]
fn a_landing_that_is_verified(
    #[values("planned", "sealed", "verified", "journalled", "published", "read-back", "recorded")] step: &str,
) {
    killed(Shape::Verified, Act::Land, step);
}

#[rstest]
fn a_conflict_that_is_handed_over(
    #[values("planned", "conflict-journalled", "conflict-published")] step: &str,
) {
    killed(Shape::Conflict, Act::Land, step);
}

#[rstest]
fn a_conflict_that_a_hook_resolves(
    #[values(
        "planned",
        "conflict-journalled",
        "conflict-published",
        "resolver-added",
        "resolver-ran",
        "resolver-squashed",
        "resolver-tidied",
        "sealed",
        "journalled",
        "published",
        "read-back",
        "recorded"
    )]
    step: &str,
) {
    killed(Shape::Resolved, Act::Land, step);
}

#[rstest]
fn a_landing_that_is_pushed(
    #[values("journalled", "published", "read-back", "brought-along", "recorded", "pushed")] step: &str,
) {
    killed(Shape::Pushed, Act::Land, step);
}

#[rstest]
fn a_landing_that_is_pushed_second(
    #[values("journalled", "published", "brought-along", "recorded", "pushed")] step: &str,
) {
    killed(Shape::PushedSecond, Act::Land, step);
}

#[rstest]
fn a_restack(#[values("planned", "restacked")] step: &str) {
    killed(Shape::Stacked, Act::Restack, step);
}

#[rstest]
fn a_landing_that_is_taken_back(
    #[values("undo-journalled", "undo-published", "undo-exported")] step: &str,
    #[values(Shape::FastForward, Shape::Stacked)] shape: Shape,
) {
    killed(shape, Act::Undo, step);
}

#[rstest]
fn a_conflict_that_is_given_up(#[values("abort-published", "abort-recorded")] step: &str) {
    killed(Shape::Conflict, Act::Abort, step);
}

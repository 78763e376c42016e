//! Random walks over everything that can be done to flows, beside a plain model of what must come of it.
//!
//! `JJ_FLOW_WALK_SEED` chooses other walks than the usual ones; a walk that fails says its seed and what it did.

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use crate::common::invariants::{Since, assert_rebuilt, assert_sound};
use crate::common::{Output, TestEnvironment, TestRepo};
use crate::shapes::repo;
use crate::shim::environment;

const STEPS: usize = 100;
const SEED: u64 = 0x5eed_0f10_a8f2_0001;

/// Where a landing or its taking back may be killed.
const KILLS: [&str; 6] = ["planned", "journalled", "published", "read-back", "brought-along", "recorded"];

/// Why a flow may be kept from landing in these walks.
const REFUSALS: [&str; 7] = [
    "open-subflows",
    "nothing-to-land",
    "several-tips",
    "other-flows-beneath",
    "undescribed",
    "later-landings",
    "not-landed",
];

/// xorshift64*.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.below(of.len())].clone()) }
    }
}

/// What the model knows of a flow.
#[derive(Clone, Debug)]
struct Flow {
    status: &'static str,
    parent: Option<String>,
    /// The files that it brings along, its sub-flows' among them.
    files: BTreeSet<String>,
    /// Where they went with its last landing.
    landed_on: Option<String>,
}

struct Walk<'e> {
    env: &'e TestEnvironment,
    workspaces: [TestRepo<'e>; 2],
    /// Which of them is worked in.
    here: usize,
    chance: Chance,
    flows: BTreeMap<String, Flow>,
    main: BTreeSet<String>,
    texts: BTreeSet<String>,
    files: usize,
    did: Vec<String>,
}

impl<'e> Walk<'e> {
    fn here(&self) -> TestRepo<'e> {
        self.workspaces[self.here].clone()
    }

    fn flow(&mut self, args: &[&str]) -> Output {
        self.did.push(format!("{}: jj flow {}", self.here, args.join(" ")));
        self.here().flow(args)
    }

    fn jj(&mut self, args: &[&str]) {
        self.did.push(format!("{}: jj {}", self.here, args.join(" ")));
        let output = self.here().jj(args);
        assert_eq!(output.code, 0, "{output}");
    }

    fn pick(&mut self, is_meant: impl Fn(&Flow) -> bool) -> Option<String> {
        let all: Vec<String> =
            self.flows.iter().filter(|(_, flow)| is_meant(flow)).map(|(name, _)| name.clone()).collect();
        self.chance.one(&all)
    }

    fn row(&self, flow: &str, column: &str) -> String {
        let sql = format!("SELECT {column} FROM FlowRegistry WHERE bookmark = '{flow}' AND gone_at IS NULL");
        self.env.rows(&sql).trim().to_owned()
    }

    /// A file that nobody has written yet, or the one that all write to, committed on the working copy.
    fn commit(&mut self, message: &str, may_clash: bool) -> Option<String> {
        self.files += 1;
        let text = format!("text {}\n", self.files);
        let clashes = may_clash && self.chance.below(4) == 0;
        let name = if clashes { "shared".to_owned() } else { format!("file{}", self.files) };
        self.here().write(&name, &text);
        self.jj(&["commit", "--message", message]);
        if clashes {
            return None;
        }
        self.texts.insert(text);
        Some(name)
    }

    /// Where a flow lands: the nearest of its parents that has not.
    fn parent(&self, flow: &str) -> Option<String> {
        let mut parent = self.flows[flow].parent.clone();
        while let Some(above) = parent.as_ref().map(|parent| &self.flows[parent]) {
            if above.status != "merged" {
                break;
            }
            parent = above.parent.clone();
        }
        parent
    }

    fn land(&mut self, flow: &str) {
        let parent = self.parent(flow);
        let files = self.flows[flow].files.clone();
        match &parent {
            Some(parent) => self.flows.get_mut(parent).unwrap().files.extend(files),
            None => self.main.extend(files),
        }
        let landed = self.flows.get_mut(flow).unwrap();
        (landed.status, landed.landed_on) = ("merged", parent);
    }

    fn take_back(&mut self, flow: &str) {
        let Flow { files, landed_on, .. } = self.flows[flow].clone();
        let from = match &landed_on {
            Some(parent) => &mut self.flows.get_mut(parent).unwrap().files,
            None => &mut self.main,
        };
        from.retain(|file| !files.contains(file));
        self.flows.get_mut(flow).unwrap().status = "success";
    }

    /// What a landing or its taking back came to, by the registry's word; the model follows, and the rest is checked.
    fn follow(&mut self, flow: &str, output: &Output) {
        let was_merged = self.flows[flow].status == "merged";
        if output.code == 137 {
            self.flow(&[]).ok();
        }
        let status = self.row(flow, "status");
        match (was_merged, status == "merged") {
            (false, true) => self.land(flow),
            (true, false) => self.take_back(flow),
            _ => {}
        }
        let flow = self.flows.get_mut(flow).unwrap();
        if status != flow.status {
            // Killed, or overtaken, between the word and the landing.
            assert!(
                status == "success" && output.code == 137,
                "{status} where {} was expected: {output}",
                flow.status
            );
            flow.status = "success";
        }
    }

    fn finish(&mut self, name: &str, args: &[&str], kill: Option<&str>) {
        let args = [&["--json"], args].concat();
        self.did.push(format!("{}: jj flow {} {kill:?}", self.here, args.join(" ")));
        let output = self.here().flow_with(&args, |command| match kill {
            Some(step) => command.env("JJ_FLOW_FAILPOINT", step),
            None => command,
        });
        match output.code {
            0 | 137 => {}
            3 => return self.settle_conflict(name),
            1 => {
                let code = output.json()["error"]["code"].as_str().unwrap().to_owned();
                assert!(REFUSALS.contains(&code.as_str()), "{output}");
            }
            _ => panic!("{output}"),
        }
        self.follow(name, &output);
    }

    /// Given up, or resolved and gone on with.
    fn settle_conflict(&mut self, name: &str) {
        for _ in 0..self.chance.below(3) {
            let Some(change) = self.conflicted(name) else { break };
            self.jj(&["new", &change]);
            self.files += 1;
            self.here().write("shared", &format!("resolved {}\n", self.files));
            self.jj(&["squash", "--use-destination-message"]);
        }
        let resolved = self.conflicted(name).is_none();
        let output = self.flow(&[if resolved { "resume" } else { "abort" }, name]);
        assert_eq!(output.code, 0, "{output}");
        self.follow(name, &output);
    }

    /// The lowest change of a flow that is in conflict.
    fn conflicted(&self, name: &str) -> Option<String> {
        self.here().changes(&format!("conflicts() & ::change_id({})", self.row(name, "change_id"))).pop()
    }

    fn step(&mut self) {
        let open = |flow: &Flow| flow.status != "merged";
        let works = |flow: &Flow| flow.status != "merged" && !flow.files.is_empty();
        match self.chance.below(21) {
            0..=2 => {
                let name = format!("a8f2--logicN{}", letters(self.flows.len()));
                self.flow(&["new", name.trim_start_matches("a8f2--")]).ok();
                self.begin(name, None);
            }
            3 => {
                let Some(parent) = self.pick(works) else { return };
                let child = format!("sub{}", letters(self.flows.len()));
                self.flow(&["sub", &child, "--of", &parent]).ok();
                self.begin(format!("{parent}--{child}"), Some(parent));
            }
            4..=7 => {
                let Some(name) = self.pick(open) else { return };
                let tip = self.row(&name, "change_id");
                let is_new =
                    self.here().changes(&format!("change_id({tip}) & description(exact:'')")).len() == 1;
                self.jj(&[if is_new { "edit" } else { "new" }, &tip]);
                let file = self.commit(&name, !is_new);
                self.flows.get_mut(&name).unwrap().files.extend(file);
            }
            8..=10 => {
                let Some(name) = self.pick(open) else { return };
                self.finish(&name, &["done", &name], None);
            }
            11 => {
                let Some(name) = self.pick(open) else { return };
                let kill = self.chance.one(&KILLS);
                self.finish(&name, &["done", &name], kill);
            }
            12 => {
                let Some(name) = self.pick(|flow| flow.status == "merged") else { return };
                self.finish(&name, &["undo", &name], None);
            }
            13 => {
                let Some(name) = self.pick(open) else { return };
                self.flow(&["fail", &name, "--reason", "no luck"]).ok();
                self.flows.get_mut(&name).unwrap().status = "failed";
            }
            14 => {
                let Some(name) = self.pick(open) else { return };
                self.flow(&["reopen", &name]).ok();
                self.flows.get_mut(&name).unwrap().status = "in-progress";
            }
            15 => {
                let Some(name) = self.pick(works) else { return };
                let output = self.flow(&["restack", &name]);
                assert!([0, 1, 3].contains(&output.code), "{output}");
                if output.code == 3 {
                    self.settle_conflict(&name);
                }
            }
            16 => {
                self.jj(&["new", "main"]);
                let file = self.commit("somebody else's", false);
                self.jj(&["bookmark", "move", "main", "--to=@-"]);
                self.main.extend(file);
            }
            17 => {
                let Some(name) = self.pick(works) else { return };
                self.flow(&[]).ok();
                self.jj(&["describe", "--message", "said better", &self.row(&name, "change_id")]);
            }
            18 => {
                // A verification tool's word, and what it sets going; a sub-flow comes along with its parent.
                let Some(name) = self.pick(|flow| flow.status == "in-progress" && flow.parent.is_some())
                else {
                    return;
                };
                let sql = "UPDATE FlowRegistry SET status = 'success' WHERE bookmark = ?1";
                assert_eq!(self.env.registry().execute(sql, [&name]).unwrap(), 1);
                self.did.push(format!("{name} is marked as success"));
                self.flows.get_mut(&name).unwrap().status = "success";
            }
            19 => {
                let waits = self.flows.iter().filter(|(_, flow)| flow.status == "success");
                let mut waits: Vec<String> = waits.map(|(name, _)| name.clone()).collect();
                waits.sort_by_key(|name| std::cmp::Reverse(name.matches("--").count()));
                let output = self.flow(&["land"]);
                assert!([0, 1, 3].contains(&output.code), "{output}");
                for name in waits {
                    self.follow(&name, &output);
                    if self.conflicted(&name).is_some() {
                        self.settle_conflict(&name);
                    }
                }
            }
            _ => self.here = 1 - self.here,
        }
    }

    fn begin(&mut self, name: String, parent: Option<String>) {
        let flow = Flow { status: "in-progress", parent, files: BTreeSet::new(), landed_on: None };
        self.flows.insert(name, flow);
    }

    /// The model and the repo say the same.
    fn compare(&self) {
        let rows = self.env.rows("SELECT bookmark, status FROM FlowRegistry ORDER BY bookmark");
        let model: String =
            self.flows.iter().map(|(name, flow)| format!("{name}|{}\n", flow.status)).collect();
        assert_eq!(rows, model);
        let files = self.here().jj(&["--ignore-working-copy", "file", "list", "--revision=main"]).ok().stdout;
        let files: BTreeSet<&str> = files.lines().filter(|file| !["base", "shared"].contains(file)).collect();
        assert_eq!(files, self.main.iter().map(String::as_str).collect(), "in main");
    }
}

/// Letters for a number: names do not end in digits.
fn letters(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(b'a' + digit - b'0')).collect()
}

#[rstest]
fn a_walk(#[values(0, 1, 2, 3, 4)] number: u64) {
    let seed = std::env::var("JJ_FLOW_WALK_SEED").ok().map_or(SEED, |seed| seed.parse().unwrap());
    let seed = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1);
    let env = environment();
    env.add_config("[snapshot]\nauto-update-stale = true\n");
    let field = repo(&env);
    let other = field.workspace("other");
    let mut since = Since::now(&field, &["main"]);
    let mut walk = Walk {
        env: &env,
        workspaces: [field.clone(), other],
        here: 0,
        chance: Chance(seed),
        flows: BTreeMap::new(),
        main: BTreeSet::new(),
        texts: BTreeSet::new(),
        files: 0,
        did: Vec::new(),
    };
    walk.flow(&["new", "logicFirst"]).ok();
    walk.begin("a8f2--logicFirst".to_owned(), None);
    for step in 0..STEPS {
        let run = std::panic::AssertUnwindSafe(|| {
            walk.step();
            walk.compare();
        });
        if let Err(panic) = std::panic::catch_unwind(run) {
            let number = walk.did.len().saturating_sub(12);
            eprintln!("JJ_FLOW_WALK_SEED={seed} (walk 0), step {step}; the last of what was done:");
            walk.did[number..].iter().for_each(|did| eprintln!("  {did}"));
            eprintln!("{}", field.log());
            std::panic::resume_unwind(panic);
        }
    }
    since.texts = walk.texts;
    since.workspaces = walk.workspaces.iter().map(|workspace| workspace.root().to_owned()).collect();
    assert_sound(&field, &since);
    assert_rebuilt(&env, &[&field]);
}

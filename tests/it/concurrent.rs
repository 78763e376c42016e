//! Many agents at once: eight workspaces of one repo and two clones, forty flows on one parent and on nested ones,
//! some in conflict, some that fail their verification, and others who describe and commit with plain jj meanwhile.

use std::ops::RangeInclusive;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::common::invariants::{Since, Told, assert_rebuilt, assert_sound};
use crate::common::{Output, TestEnvironment, TestRepo};
use crate::shapes::repo;

/// The flow that others land on while it is open.
const SHARED: &str = "a8f0--schema";

/// The agents whose docs land on it, and those whose docs are made before any of them lands and do not fit together.
const OPEN_TO_ALL: RangeInclusive<usize> = 1..=3;
const CONFLICTING: RangeInclusive<usize> = 4..=6;

/// One agent in a workspace of its own, and what it was told.
struct Agent<'e> {
    at: TestRepo<'e>,
    uid: String,
    told: Vec<Told>,
    texts: Vec<String>,
    /// Gets somebody else going.
    asks: Vec<Sender<()>>,
}

impl<'e> Agent<'e> {
    fn new(at: &TestRepo<'e>, uid: &str) -> Self {
        Self {
            at: at.with("JJ_FLOW_UID", uid),
            uid: uid.to_owned(),
            told: Vec::new(),
            texts: Vec::new(),
            asks: Vec::new(),
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}--{rest}", self.uid)
    }

    /// A change with one file that nobody else has written like this. Its description is the flow's name.
    fn work(&mut self, rest: &str, path: &str) {
        let text = format!("{} in {path}\n", self.name(rest));
        self.at.commit(path, &text, &self.name(rest));
        self.texts.push(text);
    }

    /// Lands a flow; asked again for as long as others are quicker.
    fn land(&mut self, rest: &str, parent: &str, options: &[&str]) -> i32 {
        let name = self.name(rest);
        let ask = || self.at.flow(&[&["done", &name], options].concat());
        let output: Output =
            (0..10).map(|_| ask()).find(|output| output.code != 5).expect("always overtaken");
        self.told.push(Told::new(&name, parent, &name, &output));
        output.code
    }
}

/// Four flows: one on main, one on main or on a flow that is open to all, one with a sub-flow.
fn agent(agent: &mut Agent<'_>, number: usize) {
    let path = agent.name("file");
    agent.at.flow(&["new", "logic"]).ok();
    agent.work("logic", &path);
    assert_eq!(agent.land("logic", "main", &[]), 0, "{:?}", agent.told);

    if !CONFLICTING.contains(&number) {
        docs(agent, number);
    }
    let parent = if OPEN_TO_ALL.contains(&number) { SHARED } else { "main" };
    let code = agent.land("docs", parent, &[]);
    match (number, code) {
        (_, 3) if CONFLICTING.contains(&number) => _ = agent.at.flow(&["abort", &agent.name("docs")]).ok(),
        (7, code) => assert_eq!(code, 4, "{:?}", agent.told),
        (_, code) => assert_eq!(code, 0, "{:?}", agent.told),
    }

    agent.at.flow(&["new", "research"]).ok();
    agent.work("research", &agent.name("research"));
    agent.at.flow(&["sub", "scaling"]).ok();
    agent.work("research--scaling", &agent.name("scaling"));
    if number == 0 {
        // A tool says that the sub-flow is fine, and both land with one command.
        let sub = agent.name("research--scaling");
        let sql = "UPDATE FlowRegistry SET status = 'success' WHERE bookmark = ?1";
        assert_eq!(agent.at.env().registry().execute(sql, [&sub]).unwrap(), 1);
        assert_eq!(agent.land("research", "main", &["--cascade"]), 0, "{:?}", agent.told);
    } else {
        assert_eq!(agent.land("research--scaling", &agent.name("research"), &[]), 0, "{:?}", agent.told);
        assert_eq!(agent.land("research", "main", &[]), 0, "{:?}", agent.told);
    }
    // Work that nobody has committed.
    let text = format!("{} goes on\n", agent.uid);
    agent.at.write(&agent.name("later"), &text);
    agent.texts.push(text);
}

fn docs(agent: &mut Agent<'_>, number: usize) {
    let onto: &[&str] = if OPEN_TO_ALL.contains(&number) { &["--parent", SHARED] } else { &[] };
    agent.at.flow(&[&["new", "docs"], onto].concat()).ok();
    match number {
        _ if CONFLICTING.contains(&number) => agent.work("docs", "shared"),
        7 => agent.work("docs", "broken"),
        _ => agent.work("docs", &agent.name("docs")),
    }
}

/// Four flows in a clone, each pushed at once.
fn pusher(agent: &mut Agent<'_>) {
    for rest in ["logic", "docs", "research", "schema"] {
        agent.at.flow(&["new", rest]).ok();
        agent.work(rest, &agent.name(rest));
        assert_eq!(agent.land(rest, "main", &["--push"]), 0, "{:?}", agent.told);
    }
}

/// Plain jj, in changes of its own: a round for each landing that somebody has asked for.
fn plain(agent: &mut Agent<'_>, asked: &Receiver<()>) {
    for (number, ()) in asked.iter().enumerate() {
        agent.at.jj(&["new", "main"]).ok();
        agent.work("plain", &agent.name(&format!("plain{number}")));
        agent.at.jj(&["describe", "@-", "--message=said better"]).ok();
    }
}

#[test]
fn forty_flows_at_once() {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f0");
    env.add_config("[flow]\nhooks.verify = \"test ! -e broken\"\n");
    env.bare_git("hub.git");
    let field = repo(&env);
    field.jj(&["git", "remote", "add", "origin", "../hub.git"]).ok();
    field.jj(&["git", "push", "--remote=origin", "--bookmark=main"]).ok();
    let clones: Vec<TestRepo<'_>> = ["left", "right"].map(|name| clone(&env, name)).into();
    field.flow(&["new", "schema"]).ok();
    field.commit("schema", "open to all\n", SHARED);

    let mut agents = vec![Agent::new(&field, "a8f0")];
    agents.extend(
        (1..8).map(|number| Agent::new(&field.workspace(&format!("agent{number}")), &format!("a8f{number}"))),
    );
    let mut pushers: Vec<Agent<'_>> =
        clones.iter().zip(["b1c1", "b1c2"]).map(|(clone, uid)| Agent::new(clone, uid)).collect();
    let mut others: Vec<Agent<'_>> =
        ["c0d1", "c0d2"].map(|uid| Agent::new(&field.workspace(uid), uid)).into();

    let mut since = Since::now(&field, &["main", SHARED]);
    let since_clones: Vec<Since> = clones.iter().map(|clone| Since::now(clone, &["main"])).collect();
    CONFLICTING.for_each(|number| docs(&mut agents[number], number));
    let (ask, asked): (Vec<_>, Vec<_>) = others.iter().map(|_| channel()).unzip();
    agents.iter_mut().enumerate().for_each(|(number, agent)| agent.asks.push(ask[number % 2].clone()));
    drop(ask);
    std::thread::scope(|scope| {
        for (number, who) in agents.iter_mut().enumerate() {
            scope.spawn(move || {
                agent(who, number);
                who.asks.clear();
            });
        }
        pushers.iter_mut().for_each(|who| _ = scope.spawn(move || pusher(who)));
        others.iter_mut().zip(asked).for_each(|(who, asked)| _ = scope.spawn(move || plain(who, &asked)));
    });
    // What the others have landed on lands last.
    assert_eq!(agents[0].land("schema", "main", &[]), 0, "{:?}", agents[0].told);

    let asked: usize = agents.iter().chain(&pushers).map(|agent| agent.told.len()).sum();
    assert_eq!(asked, 40);
    let codes = agents.iter().flat_map(|agent| &agent.told).map(|told| told.code);
    let codes: Vec<i32> = codes.filter(|code| *code != 0).collect();
    assert_eq!((codes.iter().filter(|code| **code == 3).count(), codes.len()), (2, 3), "{codes:?}");

    for agent in agents.into_iter().chain(others) {
        since.told.extend(agent.told);
        since.texts.extend(agent.texts);
        since.workspaces.push(agent.at.root().to_owned());
    }
    assert_sound(&field, &since);
    for ((clone, agent), mut since) in clones.iter().zip(pushers).zip(since_clones) {
        since.told = agent.told;
        since.texts.extend(agent.texts);
        since.workspaces.push(clone.root().to_owned());
        assert_sound(clone, &since);
        // Whatever was told to be pushed is at the remote.
        let pushed = env.dir("hub.git").git(&["log", "--format=%s", "main"]).ok().stdout;
        for told in &since.told {
            assert!(pushed.lines().any(|line| line == told.change), "{told:?}:\n{pushed}");
        }
    }
    assert_rebuilt(&env, &[&field, &clones[0], &clones[1]]);
}

fn clone<'e>(env: &'e TestEnvironment, name: &str) -> TestRepo<'e> {
    env.dir("").jj(&["git", "clone", "--colocate", "hub.git", name]).ok();
    env.dir(name)
}

//! The conflict packet: what somebody who resolves a conflict has to know, program or person.

use std::collections::HashMap;

use serde::Serialize;

use super::plan::{Goal, Plan};
use crate::env;
use crate::error::{Failure, Kind};
use crate::event::Conflict;
use crate::graph::{Change, Graph};
use crate::jj::{self, ConflictedPath, Jj, Repo};
use crate::model::{BookmarkName, ChangeId, CommitId, OpId, Tip};
use crate::name::FlowName;
use crate::text::quoted;

/// A conflict that is handed over. As JSON it is the hook's stdin and `error.details` of exit 3; it only grows.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Packet {
    pub(crate) schema: u32,
    /// The conflict's key on record; none where the flow was in conflict before any landing.
    pub(crate) conflict: Option<String>,
    /// Whether it met a landing; else a restack.
    pub(crate) lands: bool,
    pub(crate) flow: Party,
    pub(crate) parent: Party,
    /// The operation before the rebase, where there was one, and the one that this was read at.
    pub(crate) operation_before: Option<OpId>,
    pub(crate) operation: OpId,
    /// The change to resolve now: the lowest one that is in conflict.
    pub(crate) change: ConflictedChange,
    /// All of the flow's changes that are in conflict, parents before children.
    pub(crate) conflicted: Vec<ChangeId>,
    /// All of the flow's changes, children before parents.
    pub(crate) changes: Vec<Tip>,
    pub(crate) commands: Commands,
}

/// One of the two who disagree.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Party {
    pub(crate) bookmark: BookmarkName,
    /// The intent, where it is a flow.
    pub(crate) intent: Option<String>,
    pub(crate) commit: CommitId,
    pub(crate) description: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ConflictedChange {
    pub(crate) change: ChangeId,
    pub(crate) commit: CommitId,
    pub(crate) description: String,
    /// The commits that disagree, where the conflict came with a landing's rebase.
    pub(crate) sides: Option<Sides>,
    pub(crate) paths: Vec<Path>,
}

/// The change as it was, what it stood on then, and what it stands on now.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sides {
    pub(crate) flow: CommitId,
    pub(crate) base: CommitId,
    pub(crate) parent: CommitId,
}

/// One conflicted path, and what each of the sides has there (`file`, `executable`, `symlink`, `submodule`, `folder`,
/// `conflict`, or nothing).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Path {
    pub(crate) path: String,
    /// How many versions stand against each other in jj.
    pub(crate) sides: usize,
    pub(crate) flow: Option<String>,
    pub(crate) base: Option<String>,
    pub(crate) parent: Option<String>,
}

/// What to run, each as it stands.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Commands {
    pub(crate) see: String,
    /// Puts the working copy on the conflict; `finish` folds what was edited there into the change.
    pub(crate) resolve: String,
    pub(crate) finish: String,
    pub(crate) resume: String,
    /// Brings the flow back to where it was; none where that is not known.
    pub(crate) abort: Option<String>,
}

/// Reads the packet of a flow that is in conflict, at the plan's operation.
pub(crate) fn read_packet(jj: &Jj, plan: &Plan, record: Option<&Conflict>) -> anyhow::Result<Option<Packet>> {
    let Some(first) = plan.conflicted.first() else { return Ok(None) };
    let record = record.filter(|record| record.before.iter().any(|tip| tip.change == first.change));
    let before = record.and_then(|record| record.before.iter().find(|tip| tip.change == first.change));
    let mut wanted =
        vec![jj::commit(&first.commit), jj::commit(&plan.parent_at.commit), jj::commit(&plan.tip.commit)];
    wanted.extend(before.map(|before| jj::commit(&before.commit)));
    let graph = jj.read_at(&plan.op, &wanted.join(" | "))?;
    let at = |commit: &CommitId| graph.place(commit).map(|place| &graph.changes()[place]);
    let description =
        |commit: &CommitId| at(commit).map(|change| change.description.clone()).unwrap_or_default();
    let sides = before.and_then(|before| find_sides(&graph, at(&first.commit)?, before));
    let paths = jj.read_conflicted_paths(&plan.op, &first.commit)?;
    let paths = describe_paths(jj, &plan.op, sides.as_ref(), paths)?;
    let parent_flow = FlowName::parse(plan.parent.as_str()).ok();
    let (flow, id) = (&plan.flow, first.change.short());
    let resolve = resolve_command(id, sides.as_ref(), &paths);
    Ok(Some(Packet {
        schema: 1,
        conflict: record.map(|record| record.conflict.clone()).filter(|key| !key.is_empty()),
        lands: record.map_or(plan.goal == Goal::Land, |record| record.lands),
        flow: Party {
            bookmark: flow.bookmark(),
            intent: Some(flow.intent().to_owned()),
            commit: plan.tip.commit.clone(),
            description: description(&plan.tip.commit),
        },
        parent: Party {
            bookmark: plan.parent.clone(),
            intent: parent_flow.map(|parent| parent.intent().to_owned()),
            commit: plan.parent_at.commit.clone(),
            description: description(&plan.parent_at.commit),
        },
        operation_before: record.map(|record| record.base.clone()),
        operation: plan.op.clone(),
        change: ConflictedChange {
            change: first.change.clone(),
            commit: first.commit.clone(),
            description: description(&first.commit),
            sides,
            paths,
        },
        conflicted: plan.conflicted.iter().map(|tip| tip.change.clone()).collect(),
        changes: plan.changes.clone(),
        commands: Commands {
            see: format!("jj resolve --list --revision {id}"),
            resolve,
            finish: "jj squash --use-destination-message".to_owned(),
            resume: match record {
                Some(_) => format!("jj flow resume {flow}"),
                None => format!("jj flow done {flow}"),
            },
            abort: record.map(|_| format!("jj flow abort {flow}")),
        }
        .run_from_here(jj.repo()),
    }))
}

impl Commands {
    /// Where the command that met the conflict was run elsewhere than in the workspace, they go there first.
    fn run_from_here(self, workspace: &Repo) -> Self {
        let here = env::current_dir().ok().and_then(|here| Repo::find(&here));
        if here.is_some_and(|here| here.root() == workspace.root()) {
            return self;
        }
        let there = format!("cd {} && ", quoted(workspace.root().as_str()));
        self.each(|command| format!("{there}{command}"))
    }

    /// The same for somebody who has gone there.
    pub(crate) fn once_there(&self) -> Self {
        let Some(there) = self.there().map(|there| format!("{there} && ")) else { return self.clone() };
        self.clone().each(|command| command.strip_prefix(&there).unwrap_or(command).to_owned())
    }

    /// What leads to the workspace.
    fn there(&self) -> Option<&str> {
        Some(self.see.split_once(" && ")?.0)
    }

    fn each(self, change: impl Fn(&str) -> String) -> Self {
        Self {
            see: change(&self.see),
            resolve: change(&self.resolve),
            finish: change(&self.finish),
            resume: change(&self.resume),
            abort: self.abort.map(|abort| change(&abort)),
        }
    }
}

fn find_sides(graph: &Graph, now: &Change, before: &Tip) -> Option<Sides> {
    let old = &graph.changes()[graph.place(&before.commit)?];
    let ([base], [parent]) = (old.parents.as_slice(), now.parents.as_slice()) else { return None };
    Some(Sides { flow: before.commit.clone(), base: base.clone(), parent: parent.clone() })
}

fn describe_paths(
    jj: &Jj,
    op: &OpId,
    sides: Option<&Sides>,
    paths: Vec<ConflictedPath>,
) -> anyhow::Result<Vec<Path>> {
    let names: Vec<&str> = paths.iter().map(|path| path.path.as_str()).collect();
    let kinds = |commit: Option<&CommitId>| match commit {
        Some(commit) => jj.read_kinds(op, commit, &names),
        None => Ok(HashMap::new()),
    };
    let flow = kinds(sides.map(|sides| &sides.flow))?;
    let base = kinds(sides.map(|sides| &sides.base))?;
    let parent = kinds(sides.map(|sides| &sides.parent))?;
    let describe = |path: &ConflictedPath| Path {
        path: path.path.clone(),
        sides: path.sides,
        flow: flow.get(&path.path).cloned(),
        base: base.get(&path.path).cloned(),
        parent: parent.get(&path.path).cloned(),
    };
    Ok(paths.iter().map(describe).collect())
}

/// Where something else than files disagrees, jj does not see what is written in place of the conflict: such a path
/// begins as the flow has it.
fn resolve_command(id: &str, sides: Option<&Sides>, paths: &[Path]) -> String {
    let mut command = format!("jj new {id}");
    let odd: Vec<String> = paths
        .iter()
        .filter(|path| !path.is_of_files())
        .map(|path| quoted(&format!("root:{:?}", path.path)))
        .collect();
    if let (Some(sides), [_, ..]) = (sides, odd.as_slice()) {
        command += &format!(" && jj restore --from {} {}", sides.flow, odd.join(" "));
    }
    command
}

impl Path {
    fn is_of_files(&self) -> bool {
        let is_file = |kind: &String| matches!(kind.as_str(), "file" | "executable" | "conflict");
        [&self.flow, &self.base, &self.parent].into_iter().flatten().all(is_file)
    }

    /// What happened at the path, in a few words.
    pub(crate) fn summary(&self) -> String {
        let did = |side: &Option<String>| match (&self.base, side) {
            (None, None) => "nothing",
            (None, Some(_)) => "added",
            (Some(_), None) => "deleted",
            (Some(base), Some(now)) if base != now => "changed its kind",
            (Some(_), Some(_)) => "changed",
        };
        match (&self.flow, &self.base, &self.parent) {
            (None, None, None) => format!("{} sides", self.sides),
            _ if self.sides > 2 => {
                format!("{} sides; flow: {}, parent: {}", self.sides, did(&self.flow), did(&self.parent))
            }
            _ => format!("flow: {}, parent: {}", did(&self.flow), did(&self.parent)),
        }
    }
}

impl Packet {
    /// The packet for people, line by line.
    pub(crate) fn text(&self) -> String {
        let mut lines =
            self.lines(&format!("Conflict of {} with {}", self.flow.bookmark, self.parent.bookmark));
        let Commands { see, resolve, finish, resume, abort } = &self.commands.once_there();
        lines.extend(self.commands.there().map(|there| format!("Go there:   {there}")));
        lines.push(format!("See it:     {see}"));
        lines.push(format!("Resolve it: {resolve}, edit the files, {finish}"));
        lines.push(format!("Then:       {resume}"));
        lines.extend(abort.as_ref().map(|abort| format!("Or give up: {abort}")));
        lines.join("\n")
    }

    /// What is in conflict, one path a line.
    pub(super) fn lines(&self, says: &str) -> Vec<String> {
        let width = self.change.paths.iter().map(|path| path.path.chars().count()).max().unwrap_or(0);
        let mut lines = vec![format!("{says} in {}", self.change.name())];
        lines.extend(
            self.change.paths.iter().map(|path| format!("  {:width$}  {}", path.path, path.summary())),
        );
        let more = self.conflicted.len() - 1;
        if more > 0 {
            lines.push(format!("  {} above it", super::plan::count(more, "conflicted change")));
        }
        lines
    }

    /// The error that hands the conflict over.
    pub(super) fn failure(&self, why: Option<&str>) -> Failure {
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        let count = super::plan::count(self.conflicted.len(), "change");
        self.failed(&format!("{count} in conflict{why}"))
            .hint(self.commands.resolve.clone())
            .text(self.text())
    }

    /// The error where `@` has what resolves the conflict, and the change has not.
    pub(crate) fn unfolded(&self) -> Failure {
        let why = format!("@ resolves the conflict of {}, which has not got it yet", self.change.name());
        self.failed(&why).hint(self.commands.finish.clone())
    }

    pub(super) fn failed(&self, why: &str) -> Failure {
        let verb = if self.lands { "land" } else { "restack" };
        let message = format!("Could not {verb} {} on {}: {why}", self.flow.bookmark, self.parent.bookmark);
        let details = serde_json::to_value(self).expect("a packet is plain data with text keys");
        Failure::new(Kind::Conflict, message).details(details)
    }
}

impl ConflictedChange {
    /// `change zzzzzzzz (its subject)`
    fn name(&self) -> String {
        let subject = self.description.lines().next().unwrap_or_default();
        let subject = if subject.is_empty() { String::new() } else { format!(" ({subject})") };
        format!("change {}{subject}", self.change.short())
    }
}

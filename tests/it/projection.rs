//! What plain jj does to many repos, told by `sync` at whatever moments, is what one tells who looks only at the end, and
//! what jj itself says.

use std::collections::BTreeMap;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::ledger::everything;

/// Numbers that are the same in every run: a linear congruential generator, as in Knuth's MMIX.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.roll(list.len())]
    }
}

const FLOWS: [&str; 6] = [
    "a8f2--research",
    "a8f2--research--scaling",
    "a8f2--research--scaling--deep",
    "b1c4--docs",
    "b1c4--docs--page",
    "a8f2--logicFoo",
];

/// Somewhere a bookmark may go.
fn place(dice: &mut Dice) -> String {
    match dice.roll(5) {
        0 => "@".to_owned(),
        1 => "@-".to_owned(),
        2 => format!("latest(bookmarks(exact:{:?}) | @)", dice.one_of(&FLOWS)),
        3 => format!("latest(all() ~ root(), {})-", dice.roll(4) + 1),
        _ => format!("latest(bookmarks(exact:{:?}):: | @-)", dice.one_of(&FLOWS)),
    }
}

/// One command that somebody runs with plain jj; many are refused, as they would be.
fn step(repo: &TestRepo<'_>, dice: &mut Dice, number: usize, side_by_side: bool) {
    let (flow, other, to) = (dice.one_of(&FLOWS), dice.one_of(&FLOWS), place(dice));
    let (there, text) = (format!("bookmarks(exact:{flow:?})"), format!("change {number}"));
    let pattern = format!("exact:{flow}");
    let ago = format!("@{}", "-".repeat(dice.roll(4) + 1));
    let words: Vec<&str> = match dice.roll(24) {
        0..4 => {
            repo.write(&format!("f{}", dice.roll(6)), &format!("{number}\n"));
            vec!["commit", "-m", &text]
        }
        4 | 5 => vec!["bookmark", "create", flow, "-r", &to],
        6 => vec!["bookmark", "set", flow, "-B", "-r", &to],
        7 => vec!["bookmark", "move", &pattern, "-B", "--to", &to],
        8 => vec!["bookmark", "move", "main", "-B", "--to", &there],
        9 => vec!["bookmark", "move", "main", "--to", &to],
        10 => vec!["bookmark", "delete", &pattern],
        11 => vec!["bookmark", "rename", flow, other],
        12 => vec!["new", &there],
        13 => vec!["new", "main"],
        14 => vec!["new", "main", &there],
        15 => vec!["describe", "-m", &text, "-r", &to],
        16 => vec!["rebase", "-b", &there, "-d", "main"],
        17 => vec!["rebase", "-s", &there, "-d", &to],
        18 => vec!["squash", "--into", &to, "-m", &text],
        19 => vec!["abandon", &to],
        20 => vec!["undo"],
        21 => vec!["op", "revert"],
        22 => vec!["op", "restore", &ago],
        _ => {
            repo.write(&format!("f{}", dice.roll(6)), &format!("{number}\n"));
            vec!["status"]
        }
    };
    // Now and then somebody has looked at an earlier operation: both go on side by side.
    let earlier = ["--at-op", "@-"];
    let side = if side_by_side && dice.roll(8) == 0 && words[0] != "undo" && words[0] != "op" {
        &earlier[..]
    } else {
        &[]
    };
    let _ = repo.jj(&[side, &words].concat());
}

/// The live rows: where they are, and how they stand.
fn rows(env: &TestEnvironment) -> String {
    env.rows(
        "SELECT r.component, f.bookmark, f.change_id, f.commit_id, f.status, f.trouble FROM FlowRegistry AS f \
         JOIN repos AS r ON r.id = f.repo WHERE f.gone_at IS NULL ORDER BY r.component, f.bookmark",
    )
}

/// What bookmarks went through, by the operations: what is seen only at the end of a stretch left out.
fn told(env: &TestEnvironment) -> Vec<String> {
    let all = env.rows(
        "SELECT r.component, json_extract(e.line, '$.flow'), e.kind, e.operation FROM events AS e \
         JOIN repos AS r ON r.id = e.repo WHERE e.kind IN ('created', 'deleted', 'renamed', 'conflicted') \
         ORDER BY 1, 4, 2, 3",
    );
    all.lines().map(str::to_owned).collect()
}

fn forget(env: &TestEnvironment) {
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}/jj-flow/registry.db{end}", env.data_home().display()));
    }
}

fn sync_all(repo: &TestRepo<'_>) -> serde_json::Value {
    let answer = repo.flow(&["sync", "--all", "--json"]).ok().json();
    assert_eq!(answer["failed"].as_array().unwrap().len(), 0, "{answer}");
    answer
}

/// What jj says: each flow's bookmark, its targets.
fn bookmarks(repo: &TestRepo<'_>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let template =
        "if(remote, '@', name) ++ '|' ++ added_targets.map(|c| c.commit_id()).join('|') ++ \"\\n\"";
    for line in repo.jj(&["--ignore-working-copy", "bookmark", "list", "-T", template]).ok().stdout.lines() {
        let mut words = line.split('|').map(str::to_owned);
        let name = words.next().unwrap();
        if name.contains("--") {
            found.entry(name).or_default().extend(words);
        }
    }
    found
}

#[rstest]
#[case(1, false)]
#[case(2, false)]
#[case(3, false)]
#[case(4, true)]
#[case(5, true)]
#[case(6, true)]
#[case(8, false)]
#[case(31, true)]
fn what_is_told_at_any_moment_is_what_is_told_at_the_end(#[case] seed: u64, #[case] side_by_side: bool) {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "c0de");
    let mut dice = Dice(seed);
    let names = ["one", "two", "three"];
    let repos: Vec<TestRepo<'_>> = names.iter().map(|name| env.repo(name)).collect();
    for repo in &repos {
        repo.commit("a.txt", "a\n", "base");
        repo.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
        repo.jj(&["new", "main"]).ok();
    }
    repos[0].flow(&["repo", "scan", env.root().to_str().unwrap()]).ok();
    let steps = 120;
    let mut synced = 0;
    for number in 0..steps {
        step(&repos[dice.roll(3)], &mut dice, number, side_by_side);
        match dice.roll(12) {
            0 => _ = sync_all(&repos[0]),
            1 => _ = repos[dice.roll(3)].flow(&["sync"]).ok(),
            _ => continue,
        }
        synced += 1;
    }
    assert!(synced > 10, "{synced}");
    // What git has of it comes back in with the next command, whichever that is.
    repos.iter().for_each(|repo| _ = repo.jj(&["--config=snapshot.auto-update-stale=true", "status"]).ok());
    sync_all(&repos[0]);
    // jj's own files say what jj itself says.
    for repo in &repos {
        let answer = repo.flow(&["sync", "--json"]).ok().json();
        assert_eq!(answer["events"], 0, "seed {seed}: {}\n{}", repo.root().display(), rows(&env));
    }
    sync_all(&repos[0]);
    let live = rows(&env);
    for (name, repo) in names.iter().zip(&repos) {
        let expected = bookmarks(repo);
        let of_repo: Vec<Vec<&str>> = live
            .lines()
            .map(|line| line.split('|').collect())
            .filter(|row: &Vec<&str>| row[0] == *name)
            .collect();
        let found: Vec<&str> = of_repo.iter().map(|row| row[1]).collect();
        assert_eq!(
            found,
            expected.keys().map(String::as_str).collect::<Vec<_>>(),
            "seed {seed}: {name}\n{live}"
        );
        for row in of_repo {
            let targets = &expected[row[1]];
            assert_eq!(targets.len() > 1, row[5] == "conflicted", "seed {seed}: {row:?} {targets:?}");
            if row[4] == "merged" || targets.len() > 1 || targets[0] == row[3] {
                continue;
            }
            // Work goes on above the bookmark.
            let above = format!("{} & {}::", row[3], targets[0]);
            assert_eq!(repo.commits(&above), [row[3]], "seed {seed}: {row:?}");
        }
    }
    // From the journals.
    let all = everything(&env);
    forget(&env);
    sync_all(&repos[0]);
    assert_eq!(everything(&env), all, "seed {seed}");
    // From nothing.
    let events = told(&env);
    forget(&env);
    repos.iter().for_each(|repo| std::fs::remove_dir_all(repo.root().join(".jj/repo/flow")).unwrap());
    repos[0].flow(&["repo", "scan", env.root().to_str().unwrap()]).ok();
    let again = rows(&env);
    if !side_by_side {
        assert_eq!(told(&env), events, "seed {seed}");
    }
    // What has landed by hand depends on the work that there was above it at the time, which no operation tells.
    let merged: Vec<&str> =
        live.lines().chain(again.lines()).filter(|row| row.contains("|merged|")).collect();
    let key = |row: &str| row.split('|').take(2).map(str::to_owned).collect::<Vec<_>>();
    let open = |rows: &str| {
        let open = rows.lines().filter(|row| !merged.iter().any(|merged| key(merged) == key(row)));
        open.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(open(&again), open(&live), "seed {seed}");
}

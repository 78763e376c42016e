//! What operations did, and the changes of commits, compared with what jj says over the whole history.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::*;

/// The operations that one has beneath it, and itself.
fn beneath(operations: &[ToldOperation], id: &str) -> HashSet<String> {
    let by_id: HashMap<&str, &ToldOperation> =
        operations.iter().map(|told| (told.id.as_str(), told)).collect();
    let (mut found, mut next) = (HashSet::new(), vec![id.to_owned()]);
    while let Some(id) = next.pop() {
        next.extend(by_id[id.as_str()].parents.iter().map(ToString::to_string));
        found.insert(id);
    }
    found
}

#[test]
fn every_step_is_what_its_operation_did() {
    let it = eventful();
    let (store, head) = (it.store(), it.head());
    let operations = log(&it, &head);
    let view = |id: &OpId| store.load_view(&store.load_operation(id).unwrap()).unwrap().bookmarks;
    let mut moved = 0;
    for since in operations.iter().step_by(4) {
        let [since, head] = [&since.id, &head].map(|id| OpId::new(id.as_str()));
        let steps = store.load_steps(std::slice::from_ref(&since), &[head], &|_| true).unwrap();
        let known = beneath(&operations, since.as_str());
        let mut told: HashSet<String> = known.clone();
        for Step { operation, moves } in &steps {
            assert!(!known.contains(operation.id.as_str()) && told.insert(operation.id.to_string()));
            let after = view(&operation.id);
            let before: Vec<Bookmarks> = operation.parents.iter().map(view).collect();
            let names: BTreeSet<_> = before.iter().chain([&after]).flat_map(BTreeMap::keys).collect();
            let changed =
                |name: &&&BookmarkName| before.iter().all(|before| before.get(*name) != after.get(*name));
            let expected: Vec<_> = names.iter().filter(changed).copied().collect();
            assert_eq!(moves.iter().map(|moved| &moved.name).collect::<Vec<_>>(), expected);
            moved += moves.len();
        }
        // An operation that is not among the steps changed nothing.
        let place = |id: &str| steps.iter().position(|step| step.operation.id.as_str() == id);
        for operation in operations.iter().filter(|told| !known.contains(&told.id)) {
            let parents = operation.parents.iter();
            let same = parents.clone().any(|parent| view(parent) == view(&OpId::new(&operation.id)));
            assert!(same || place(&operation.id).is_some() || operation.parents.len() > 1);
            for parent in parents.filter_map(|parent| place(parent.as_str())) {
                assert!(place(&operation.id).is_none_or(|own| parent < own), "parents come first");
            }
        }
    }
    assert!(moved > 100, "{moved}");
}

#[test]
fn only_what_is_wanted_is_told() {
    let it = eventful();
    let (store, head) = (it.store(), OpId::new(it.head()));
    let since = Operation::root().id;
    let steps = store.load_steps(&[since], &[head], &|name| name.as_str() == "main").unwrap();
    assert!(steps.iter().flat_map(|step| &step.moves).all(|moved| moved.name.as_str() == "main"));
    assert!(steps.len() >= 4, "{}", steps.len());
    let nowhere = OpId::new("1".repeat(ID_LENGTH));
    assert!(store.load_steps(&[nowhere], &[OpId::new(it.head())], &|_| true).is_none());
}

#[test]
fn changes_are_those_that_jj_tells() {
    let it = eventful();
    let store = it.store();
    let template = r#""[" ++ json(commit_id) ++ "," ++ json(change_id) ++ "]\n""#;
    let told: Vec<(CommitId, ChangeId)> =
        it.lines(&it.head(), &["log", "--no-graph", "-r", "~root()", "-T", template]);
    assert!(told.len() >= 4, "{}", told.len());
    for (commit, change) in told {
        assert_eq!(store.load_change_id(&commit), Some(change));
    }
    assert_eq!(store.load_change_id(&CommitId::new("0".repeat(40))), None);
    assert_eq!(store.load_change_id(&CommitId::new("../../config")), None);
}

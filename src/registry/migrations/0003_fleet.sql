-- Many repos: where they are, and flows that change by other means than jj-flow's.

-- `here`: a repo of this machine, whose journal lies in it. `elsewhere`: one that is only told of (`jj flow project`,
-- `jj flow import`); its `root` is a name, and its journal lies beside the registry.
ALTER TABLE repos ADD COLUMN kind TEXT NOT NULL DEFAULT 'here' CHECK (kind IN ('here', 'elsewhere'));
-- When somebody said that it is not to be looked at any more. Its rows stay on record.
ALTER TABLE repos ADD COLUMN forgotten_at TEXT;

-- What keeps a flow from having one tip: its bookmark is conflicted, or its change divergent.
ALTER TABLE FlowRegistry ADD COLUMN trouble TEXT CHECK (trouble IN ('conflicted', 'divergent'));

DROP TRIGGER flow_rest_is_ours;
CREATE TRIGGER flow_rest_is_ours
BEFORE UPDATE OF id, repo, bookmark, uid, component, intent, subflow, change_id, commit_id, parent_flow, actor,
    created_at, gone_at, trouble ON FlowRegistry
WHEN NEW.last_event IS OLD.last_event AND NOT (
    NEW.bookmark IS OLD.bookmark AND NEW.uid IS OLD.uid AND NEW.component IS OLD.component
    AND NEW.intent IS OLD.intent AND NEW.subflow IS OLD.subflow AND NEW.change_id IS OLD.change_id
    AND NEW.commit_id IS OLD.commit_id AND NEW.parent_flow IS OLD.parent_flow AND NEW.actor IS OLD.actor
    AND NEW.created_at IS OLD.created_at AND NEW.gone_at IS OLD.gone_at AND NEW.trouble IS OLD.trouble
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: from outside, only status and reason may be set');
END;

-- What landed may be taken back by jj's own commands: then the flow is in progress again.
DROP TRIGGER landing_goes_its_way;
CREATE TRIGGER landing_goes_its_way BEFORE UPDATE ON landings
WHEN NEW.flow <> OLD.flow OR NEW.key <> OLD.key OR NEW.parent <> OLD.parent OR NOT (
    (OLD.state = 'planned' AND NEW.state IN ('landed', 'dropped'))
    OR (OLD.state = 'landed' AND NEW.state IN ('landed', 'undoing', 'undone'))
    OR (OLD.state = 'undoing' AND NEW.state IN ('landed', 'undone'))
    OR (OLD.state = 'elsewhere' AND NEW.state = 'undone')
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing stays on record');
END;

DROP TRIGGER flow_status_legal;
CREATE TRIGGER flow_status_legal BEFORE UPDATE OF status ON FlowRegistry
WHEN NEW.status IS NOT OLD.status AND NOT (
    (OLD.status = 'in-progress' AND NEW.status IN ('success', 'failed', 'merged'))
    OR (OLD.status = 'success' AND NEW.status IN ('in-progress', 'failed', 'merged'))
    OR (OLD.status = 'failed' AND NEW.status IN ('in-progress', 'success', 'merged'))
    -- Only what takes a landing back undoes `merged`.
    OR (OLD.status = 'merged' AND NEW.status IN ('success', 'in-progress') AND EXISTS (
        SELECT 1 FROM landings
        WHERE landings.state = 'undone'
          AND landings.id = (SELECT max(l.id) FROM landings AS l WHERE l.flow = NEW.id)
    ))
)
AND NEW.status IN ('in-progress', 'success', 'failed', 'merged')
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: this flow cannot go from its status to that one');
END;

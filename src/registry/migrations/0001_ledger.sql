-- The ledger. FlowRegistry is a public contract: anybody may read it, and a verification tool may set `status`.
-- Times are RFC 3339 in UTC with milliseconds, so that they sort as text.

CREATE TABLE repos (
    id TEXT PRIMARY KEY NOT NULL,
    root TEXT NOT NULL,
    component TEXT NOT NULL,
    -- How far the repo's journal has been taken in, in bytes.
    journal_offset INTEGER NOT NULL DEFAULT 0,
    -- The operation whose bookmarks the rows were last compared with.
    compared_at TEXT,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL
);

CREATE TABLE contexts (
    uid TEXT PRIMARY KEY NOT NULL,
    context TEXT NOT NULL UNIQUE,
    since TEXT NOT NULL
);

CREATE TABLE FlowRegistry (
    id INTEGER PRIMARY KEY,
    repo TEXT NOT NULL REFERENCES repos (id),
    bookmark TEXT NOT NULL,
    uid TEXT NOT NULL,
    component TEXT NOT NULL,
    intent TEXT NOT NULL,
    -- The segments after the intent, as in the name: scaling--deeper.
    subflow TEXT,
    status TEXT NOT NULL DEFAULT 'in-progress'
        CHECK (status IN ('in-progress', 'success', 'failed', 'merged')),
    change_id TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    -- The parent's bookmark; NULL for a root flow.
    parent_flow TEXT,
    actor TEXT NOT NULL,
    reason TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    gone_at TEXT,
    -- The event that made the row what it is; how a change from outside is told from jj-flow's own.
    last_event INTEGER NOT NULL REFERENCES events (id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX flow_by_bookmark ON FlowRegistry (repo, lower(bookmark)) WHERE gone_at IS NULL;
CREATE INDEX flow_by_status ON FlowRegistry (status, updated_at);
CREATE INDEX flow_by_uid ON FlowRegistry (uid, updated_at);
CREATE INDEX flow_by_time ON FlowRegistry (updated_at);

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    repo TEXT NOT NULL REFERENCES repos (id),
    key TEXT NOT NULL,
    flow INTEGER NOT NULL REFERENCES FlowRegistry (id),
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    status_from TEXT,
    status_to TEXT,
    reason TEXT,
    operation TEXT,
    -- The whole event, as in the journal; NULL until it has been written there.
    line TEXT,
    -- A copied repo brings its events along under the same keys.
    UNIQUE (repo, key)
);

CREATE INDEX event_by_flow ON events (flow, id);
CREATE INDEX event_unwritten ON events (flow) WHERE line IS NULL;

CREATE TABLE landings (
    id INTEGER PRIMARY KEY,
    flow INTEGER NOT NULL REFERENCES FlowRegistry (id),
    key TEXT NOT NULL,
    parent TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'landed', 'elsewhere', 'dropped')),
    base_operation TEXT,
    chain_operation TEXT,
    operation TEXT,
    parent_from TEXT,
    parent_to TEXT,
    tip_change TEXT NOT NULL,
    tip_from TEXT,
    tip_to TEXT,
    changes INTEGER,
    rebased INTEGER,
    planned_at TEXT NOT NULL,
    settled_at TEXT,
    UNIQUE (flow, key)
);

CREATE INDEX landing_unsettled ON landings (flow) WHERE state = 'planned';

-- Status: what is legal, whoever writes. --------------------------------------------------------------------

CREATE TRIGGER flow_status_legal BEFORE UPDATE OF status ON FlowRegistry
WHEN NEW.status IS NOT OLD.status AND NOT (
    (OLD.status = 'in-progress' AND NEW.status IN ('success', 'failed', 'merged'))
    OR (OLD.status = 'success' AND NEW.status IN ('in-progress', 'failed', 'merged'))
    OR (OLD.status = 'failed' AND NEW.status IN ('in-progress', 'success', 'merged'))
)
AND NEW.status IN ('in-progress', 'success', 'failed', 'merged')
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: this flow cannot go from its status to that one');
END;

CREATE TRIGGER flow_merged_only_by_landing BEFORE UPDATE OF status ON FlowRegistry
WHEN NEW.status = 'merged' AND OLD.status <> 'merged' AND NOT EXISTS (
    SELECT 1 FROM landings
    WHERE landings.flow = NEW.id AND landings.state IN ('landed', 'elsewhere')
      AND landings.id = (SELECT max(l.id) FROM landings AS l WHERE l.flow = NEW.id)
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: only a landing makes a flow merged; run: jj flow done');
END;

-- A change of status that no event announced was made in the database itself: it gets its event here.
CREATE TRIGGER flow_status_from_outside AFTER UPDATE OF status ON FlowRegistry
WHEN NEW.status IS NOT OLD.status AND NEW.last_event IS OLD.last_event
BEGIN
    INSERT INTO events (repo, key, flow, at, actor, kind, status_from, status_to, reason)
    VALUES (NEW.repo, lower(hex(randomblob(8))), NEW.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'sql', 'status',
            OLD.status, NEW.status,
            -- The reason of an earlier failure does not outlive it.
            CASE WHEN NEW.status = 'failed' OR NEW.reason IS NOT OLD.reason THEN NEW.reason END);
    UPDATE FlowRegistry
    SET last_event = (SELECT max(id) FROM events WHERE flow = NEW.id),
        reason = CASE WHEN NEW.status = 'failed' OR NEW.reason IS NOT OLD.reason THEN NEW.reason END,
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = NEW.id;
END;

CREATE TRIGGER flow_reason_from_outside AFTER UPDATE OF reason ON FlowRegistry
WHEN NEW.reason IS NOT OLD.reason AND NEW.status IS OLD.status AND NEW.last_event IS OLD.last_event
BEGIN
    INSERT INTO events (repo, key, flow, at, actor, kind, status_from, status_to, reason)
    VALUES (NEW.repo, lower(hex(randomblob(8))), NEW.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'sql', 'status',
            NEW.status, NEW.status, NEW.reason);
    UPDATE FlowRegistry
    SET last_event = (SELECT max(id) FROM events WHERE flow = NEW.id),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE id = NEW.id;
END;

-- A row is what its last event made it: the event is a later one that stands in the log.
CREATE TRIGGER flow_event_goes_on BEFORE UPDATE OF last_event ON FlowRegistry
WHEN NEW.last_event IS NOT OLD.last_event AND NOT EXISTS (
    SELECT 1 FROM events WHERE events.id = NEW.last_event AND events.id > OLD.last_event
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: from outside, only status and reason may be set');
END;

-- History stays. --------------------------------------------------------------------------------------------

CREATE TRIGGER flow_not_deleted BEFORE DELETE ON FlowRegistry
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a flow keeps its row; run: jj flow fail --reason ''what went wrong''');
END;

CREATE TRIGGER flow_not_replaced BEFORE INSERT ON FlowRegistry
WHEN EXISTS (
    SELECT 1 FROM FlowRegistry AS old
    WHERE old.id = NEW.id
       OR (old.repo = NEW.repo AND lower(old.bookmark) = lower(NEW.bookmark)
           AND old.gone_at IS NULL AND NEW.gone_at IS NULL)
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: this flow has a row already, and it is not replaced');
END;

CREATE TRIGGER flow_not_replaced_by_update BEFORE UPDATE OF id, repo, bookmark, gone_at ON FlowRegistry
WHEN NEW.id <> OLD.id OR NEW.repo <> OLD.repo OR EXISTS (
    SELECT 1 FROM FlowRegistry AS old
    WHERE old.id <> OLD.id AND old.repo = NEW.repo AND lower(old.bookmark) = lower(NEW.bookmark)
      AND old.gone_at IS NULL AND NEW.gone_at IS NULL
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a row keeps its identity, and no other row is replaced');
END;

-- A row is inserted with the number of the event that creates it, which follows in the same transaction.
CREATE TRIGGER flow_begins_in_progress BEFORE INSERT ON FlowRegistry
WHEN NEW.status <> 'in-progress'
  OR NEW.last_event IS NOT (SELECT coalesce(max(events.id), 0) + 1 FROM events)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a flow is made by jj-flow; run: jj flow new research');
END;

CREATE TRIGGER repo_not_deleted BEFORE DELETE ON repos
WHEN EXISTS (SELECT 1 FROM FlowRegistry WHERE FlowRegistry.repo = OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a repo with flows stays on record');
END;

CREATE TRIGGER event_not_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: the event log only grows');
END;

-- The line alone may be filled in, once.
CREATE TRIGGER event_not_changed BEFORE UPDATE ON events
WHEN NOT (OLD.line IS NULL AND NEW.line IS NOT NULL AND NEW.id = OLD.id AND NEW.repo = OLD.repo AND NEW.key = OLD.key
    AND NEW.flow = OLD.flow AND NEW.at = OLD.at AND NEW.actor = OLD.actor AND NEW.kind = OLD.kind
    AND NEW.status_from IS OLD.status_from AND NEW.status_to IS OLD.status_to
    AND NEW.reason IS OLD.reason AND NEW.operation IS OLD.operation)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: the event log only grows');
END;

CREATE TRIGGER event_not_replaced BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events AS old WHERE old.id = NEW.id OR (old.repo = NEW.repo AND old.key = NEW.key))
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: the event log only grows');
END;

CREATE TRIGGER landing_not_deleted BEFORE DELETE ON landings
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing stays on record');
END;

CREATE TRIGGER landing_begins_planned BEFORE INSERT ON landings WHEN NEW.state NOT IN ('planned', 'elsewhere')
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing is planned before it lands');
END;

CREATE TRIGGER landing_is_settled_once BEFORE UPDATE ON landings
WHEN OLD.state <> 'planned' OR NEW.flow <> OLD.flow OR NEW.key <> OLD.key OR NEW.parent <> OLD.parent
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing stays on record');
END;

CREATE TRIGGER landing_not_replaced BEFORE INSERT ON landings
WHEN EXISTS (SELECT 1 FROM landings AS old WHERE old.id = NEW.id OR (old.flow = NEW.flow AND old.key = NEW.key))
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing stays on record');
END;

-- From outside, only `status` and `reason` may be set.
CREATE TRIGGER flow_rest_is_ours
BEFORE UPDATE OF id, repo, bookmark, uid, component, intent, subflow, change_id, commit_id, parent_flow, actor,
    created_at, gone_at ON FlowRegistry
WHEN NEW.last_event IS OLD.last_event AND NOT (
    NEW.bookmark IS OLD.bookmark AND NEW.uid IS OLD.uid AND NEW.component IS OLD.component
    AND NEW.intent IS OLD.intent AND NEW.subflow IS OLD.subflow AND NEW.change_id IS OLD.change_id
    AND NEW.commit_id IS OLD.commit_id AND NEW.parent_flow IS OLD.parent_flow AND NEW.actor IS OLD.actor
    AND NEW.created_at IS OLD.created_at AND NEW.gone_at IS OLD.gone_at
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: from outside, only status and reason may be set');
END;

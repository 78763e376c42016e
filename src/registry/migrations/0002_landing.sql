-- Landings that are verified, meet conflicts, are pushed and are taken back.

CREATE TABLE verifications (
    id INTEGER PRIMARY KEY,
    flow INTEGER NOT NULL REFERENCES FlowRegistry (id),
    repo TEXT NOT NULL REFERENCES repos (id),
    key TEXT NOT NULL,
    tree TEXT NOT NULL,
    command TEXT NOT NULL,
    passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
    ending TEXT NOT NULL,
    milliseconds INTEGER NOT NULL,
    tail TEXT NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (repo, key)
);

-- The trees that have passed here: a retry of one costs nothing. From nobody's journal either.
CREATE TABLE proofs (
    repo TEXT NOT NULL,
    tree TEXT NOT NULL,
    command TEXT NOT NULL,
    verification TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (repo, tree, command)
);

CREATE TABLE conflicts (
    id INTEGER PRIMARY KEY,
    flow INTEGER NOT NULL REFERENCES FlowRegistry (id),
    key TEXT NOT NULL,
    parent TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'resolved', 'aborted')),
    -- The event as JSON: where the flow was before, and the operations.
    line TEXT NOT NULL,
    at TEXT NOT NULL,
    closed_at TEXT,
    UNIQUE (flow, key)
);

CREATE INDEX conflict_open ON conflicts (flow) WHERE state = 'open';

-- Hooks from a repo's own config that may run, word for word. From nobody's journal: a clone could bring one.
CREATE TABLE approvals (
    repo TEXT NOT NULL,
    hook TEXT NOT NULL,
    command TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (repo, hook, command)
);

-- A landing knows its proof, what it was pushed to, and that it may be taken back. ---------------------------

CREATE TABLE landings_2 (
    id INTEGER PRIMARY KEY,
    flow INTEGER NOT NULL REFERENCES FlowRegistry (id),
    key TEXT NOT NULL,
    parent TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'landed', 'elsewhere', 'dropped', 'undoing', 'undone')),
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
    -- The key of the verification that the landed tree has passed.
    verification TEXT,
    -- The remote that has it, where it was pushed.
    remote TEXT,
    undone_at TEXT,
    UNIQUE (flow, key)
);

INSERT INTO landings_2 (id, flow, key, parent, state, base_operation, chain_operation, operation, parent_from,
    parent_to, tip_change, tip_from, tip_to, changes, rebased, planned_at, settled_at)
SELECT id, flow, key, parent, state, base_operation, chain_operation, operation, parent_from,
    parent_to, tip_change, tip_from, tip_to, changes, rebased, planned_at, settled_at FROM landings;

-- Its triggers go with the table; those of other tables that read it are made anew below.
DROP TRIGGER flow_merged_only_by_landing;
DROP TRIGGER flow_status_legal;
DROP TABLE landings;
ALTER TABLE landings_2 RENAME TO landings;

CREATE INDEX landing_unsettled ON landings (flow) WHERE state IN ('planned', 'undoing');

CREATE TRIGGER flow_status_legal BEFORE UPDATE OF status ON FlowRegistry
WHEN NEW.status IS NOT OLD.status AND NOT (
    (OLD.status = 'in-progress' AND NEW.status IN ('success', 'failed', 'merged'))
    OR (OLD.status = 'success' AND NEW.status IN ('in-progress', 'failed', 'merged'))
    OR (OLD.status = 'failed' AND NEW.status IN ('in-progress', 'success', 'merged'))
    -- Only what takes a landing back undoes `merged`.
    OR (OLD.status = 'merged' AND NEW.status = 'success' AND EXISTS (
        SELECT 1 FROM landings
        WHERE landings.state = 'undone'
          AND landings.id = (SELECT max(l.id) FROM landings AS l WHERE l.flow = NEW.id)
    ))
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

CREATE TRIGGER landing_not_deleted BEFORE DELETE ON landings
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing stays on record');
END;

CREATE TRIGGER landing_begins_planned BEFORE INSERT ON landings WHEN NEW.state NOT IN ('planned', 'elsewhere')
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing is planned before it lands');
END;

CREATE TRIGGER landing_goes_its_way BEFORE UPDATE ON landings
WHEN NEW.flow <> OLD.flow OR NEW.key <> OLD.key OR NEW.parent <> OLD.parent OR NOT (
    (OLD.state = 'planned' AND NEW.state IN ('landed', 'dropped'))
    OR (OLD.state = 'landed' AND NEW.state IN ('landed', 'undoing'))
    OR (OLD.state = 'undoing' AND NEW.state IN ('landed', 'undone'))
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing stays on record');
END;

CREATE TRIGGER landing_not_replaced BEFORE INSERT ON landings
WHEN EXISTS (SELECT 1 FROM landings AS old WHERE old.id = NEW.id OR (old.flow = NEW.flow AND old.key = NEW.key))
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing stays on record');
END;

-- What was verified and what met a conflict stays on record too. --------------------------------------------

CREATE TRIGGER verification_not_deleted BEFORE DELETE ON verifications
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a verification stays on record');
END;

CREATE TRIGGER verification_not_changed BEFORE UPDATE ON verifications
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a verification stays on record');
END;

CREATE TRIGGER conflict_not_deleted BEFORE DELETE ON conflicts
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a conflict stays on record');
END;

CREATE TRIGGER conflict_is_closed_once BEFORE UPDATE ON conflicts
WHEN OLD.state <> 'open' OR NEW.flow <> OLD.flow OR NEW.key <> OLD.key OR NEW.line <> OLD.line
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a conflict stays on record');
END;

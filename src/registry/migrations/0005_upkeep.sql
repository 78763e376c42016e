-- Upkeep: what may go from the record, and who may take it away.

-- What the transaction that is under way has announced: to take superseded moves of a repo, or a repo that is gone with
-- everything of it. It takes its word back before it ends; without one, nothing is ever deleted.
CREATE TABLE upkeep (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    takes TEXT CHECK (takes IN ('moves', 'repo')),
    repo TEXT,
    CHECK ((takes IS NULL) = (repo IS NULL))
);

INSERT INTO upkeep (one) VALUES (1);

CREATE TRIGGER upkeep_not_deleted BEFORE DELETE ON upkeep
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: what is deleted is announced; run: jj flow gc');
END;

-- An event or a flow that goes is looked for among those that refer to it.
CREATE INDEX flow_by_event ON FlowRegistry (last_event);
CREATE INDEX verification_by_flow ON verifications (flow);

DROP TRIGGER flow_not_deleted;
CREATE TRIGGER flow_not_deleted BEFORE DELETE ON FlowRegistry
WHEN NOT EXISTS (SELECT 1 FROM upkeep WHERE takes = 'repo' AND repo = OLD.repo)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a flow keeps its row; run: jj flow fail --reason ''what went wrong''');
END;

-- Of the moves those alone that are neither what made a row what it is nor the last before the flow went: everything
-- else comes about in the same way without them.
DROP TRIGGER event_not_deleted;
CREATE TRIGGER event_not_deleted BEFORE DELETE ON events
WHEN NOT EXISTS (
    SELECT 1 FROM upkeep
    WHERE upkeep.repo = OLD.repo AND (upkeep.takes = 'repo' OR (
        upkeep.takes = 'moves' AND OLD.kind = 'moved' AND OLD.line IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM FlowRegistry AS f WHERE f.last_event = OLD.id)
        AND 'moved' = (
            SELECT later.kind FROM events AS later
            WHERE later.flow = OLD.flow AND later.id > OLD.id AND later.kind IN ('moved', 'deleted')
            ORDER BY later.id LIMIT 1
        )
    ))
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: the event log only grows');
END;

DROP TRIGGER landing_not_deleted;
CREATE TRIGGER landing_not_deleted BEFORE DELETE ON landings
WHEN NOT EXISTS (
    SELECT 1 FROM upkeep JOIN FlowRegistry AS f ON f.repo = upkeep.repo
    WHERE upkeep.takes = 'repo' AND f.id = OLD.flow
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a landing stays on record');
END;

DROP TRIGGER verification_not_deleted;
CREATE TRIGGER verification_not_deleted BEFORE DELETE ON verifications
WHEN NOT EXISTS (SELECT 1 FROM upkeep WHERE takes = 'repo' AND repo = OLD.repo)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a verification stays on record');
END;

DROP TRIGGER conflict_not_deleted;
CREATE TRIGGER conflict_not_deleted BEFORE DELETE ON conflicts
WHEN NOT EXISTS (
    SELECT 1 FROM upkeep JOIN FlowRegistry AS f ON f.repo = upkeep.repo
    WHERE upkeep.takes = 'repo' AND f.id = OLD.flow
)
BEGIN
    SELECT RAISE(ABORT, 'jj-flow: a conflict stays on record');
END;

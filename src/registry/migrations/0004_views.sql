-- The common questions, and what makes the answers quick. Views are a public contract like FlowRegistry: columns are only
-- added. `days` are days as a fraction.

-- Who is on what: open flows, those last touched first by who made them.
CREATE VIEW open_flows AS
SELECT f.uid, c.context, f.bookmark, f.intent, f.component, r.root, f.status, f.trouble, f.parent_flow, f.created_at,
    f.updated_at, julianday('now') - julianday(f.updated_at) AS days_untouched
FROM FlowRegistry AS f
JOIN repos AS r ON r.id = f.repo
LEFT JOIN contexts AS c ON c.uid = f.uid
WHERE f.status <> 'merged' AND f.gone_at IS NULL;

-- What failed and why: the reason, and the last verification that did not pass.
CREATE VIEW failed_flows AS
SELECT f.bookmark, f.uid, f.component, r.root, f.reason, f.updated_at AS failed_at, v.command, v.ending, v.tail
FROM FlowRegistry AS f
JOIN repos AS r ON r.id = f.repo
LEFT JOIN verifications AS v ON v.id = (
    SELECT max(last.id) FROM verifications AS last WHERE last.flow = f.id AND last.passed = 0
)
WHERE f.status = 'failed' AND f.gone_at IS NULL;

-- What waits to land: marked as success, what it lands on (NULL: the trunk), and how many sub-flows are still open.
CREATE VIEW waiting_flows AS
SELECT f.bookmark, f.uid, f.component, r.root, f.parent_flow, f.trouble, f.updated_at AS since,
    (SELECT count(*) FROM FlowRegistry AS sub
     WHERE sub.repo = f.repo AND sub.parent_flow = f.bookmark AND sub.gone_at IS NULL
       AND sub.status IN ('in-progress', 'success')) AS open_subflows,
    EXISTS (SELECT 1 FROM conflicts AS c WHERE c.flow = f.id AND c.state = 'open') AS met_conflict
FROM FlowRegistry AS f
JOIN repos AS r ON r.id = f.repo
WHERE f.status = 'success' AND f.gone_at IS NULL;

-- How long flows take: from their beginning to their last landing.
CREATE VIEW landed_flows AS
SELECT f.bookmark, f.uid, f.intent, f.component, r.root, l.parent, l.state, l.changes, f.created_at,
    l.settled_at AS landed_at, julianday(l.settled_at) - julianday(f.created_at) AS days
FROM FlowRegistry AS f
JOIN repos AS r ON r.id = f.repo
JOIN landings AS l ON l.id = (
    SELECT max(last.id) FROM landings AS last WHERE last.flow = f.id AND last.state IN ('landed', 'elsewhere')
)
WHERE f.status = 'merged';

CREATE INDEX flow_by_component ON FlowRegistry (component, updated_at);
CREATE INDEX flow_by_parent ON FlowRegistry (parent_flow, updated_at);
CREATE INDEX flow_by_repo ON FlowRegistry (repo, updated_at);
CREATE INDEX event_by_time ON events (at);

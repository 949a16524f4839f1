-- Questions as views. Those with parameters filter first and then show each id once, so they read little:
--   SELECT * FROM actor_timeline(actor = 'alice', since = '2026-01-01 00:00:00', until = '2026-02-01 00:00:00')
-- `since` is inclusive, `until` is not; both are UTC times of the event (occurred_at).

-- Every event once, at the place of its first delivery. Filters on it are applied after: for all of the past ask one of
-- the views below.
CREATE VIEW IF NOT EXISTS {database}.events_once AS
SELECT * FROM {database}.events
WHERE decode_status = 'decoded'
ORDER BY topic, generation, partition, offset
LIMIT 1 BY id;

-- What did this actor do?
CREATE VIEW IF NOT EXISTS {database}.actor_timeline AS
SELECT occurred_at, action, service, resource_type, resource_id, resource_name, outcome, denied, privileged, error_code, ip, country,
    reason, id, topic, generation, partition, offset
FROM {database}.events
WHERE actor_id = {actor:String} AND occurred_at >= {since:DateTime64(3, 'UTC')} AND occurred_at < {until:DateTime64(3, 'UTC')}
    AND decode_status = 'decoded'
ORDER BY occurred_at, topic, generation, partition, offset
LIMIT 1 BY id;

-- Who touched this resource? As the main resource of an event (by_resource has them together), or as another one (the
-- filter on resource_ids skips what cannot hold it).
CREATE VIEW IF NOT EXISTS {database}.resource_history AS
SELECT * FROM
(
    SELECT occurred_at, actor_type, actor_id, actor_name, action, service, outcome, denied, privileged, error_code, ip, country,
        reason, id, topic, generation, partition, offset
    FROM {database}.events
    WHERE resource_id = {resource:String} AND occurred_at >= {since:DateTime64(3, 'UTC')}
        AND occurred_at < {until:DateTime64(3, 'UTC')} AND decode_status = 'decoded'
    UNION ALL
    SELECT occurred_at, actor_type, actor_id, actor_name, action, service, outcome, denied, privileged, error_code, ip, country,
        reason, id, topic, generation, partition, offset
    FROM {database}.events
    WHERE has(resource_ids, {resource:String}) AND resource_id != {resource:String}
        AND occurred_at >= {since:DateTime64(3, 'UTC')} AND occurred_at < {until:DateTime64(3, 'UTC')} AND decode_status = 'decoded'
)
ORDER BY occurred_at, topic, generation, partition, offset
LIMIT 1 BY id;

-- Who did this action?
CREATE VIEW IF NOT EXISTS {database}.action_history AS
SELECT occurred_at, actor_type, actor_id, actor_name, service, resource_type, resource_id, outcome, denied, privileged, error_code,
    ip, country, reason, id, topic, generation, partition, offset
FROM {database}.events
WHERE action = {action:String} AND occurred_at >= {since:DateTime64(3, 'UTC')} AND occurred_at < {until:DateTime64(3, 'UTC')}
    AND decode_status = 'decoded'
ORDER BY occurred_at, topic, generation, partition, offset
LIMIT 1 BY id;

-- What was refused?
CREATE VIEW IF NOT EXISTS {database}.denials AS
SELECT occurred_at, actor_type, actor_id, actor_name, action, service, resource_type, resource_id, error_code, error_message, ip,
    country, id, topic, generation, partition, offset
FROM {database}.events
WHERE denied AND occurred_at >= {since:DateTime64(3, 'UTC')} AND occurred_at < {until:DateTime64(3, 'UTC')}
    AND decode_status = 'decoded'
ORDER BY occurred_at, topic, generation, partition, offset
LIMIT 1 BY id;

-- Who was refused most, and at what?
CREATE VIEW IF NOT EXISTS {database}.top_denied AS
SELECT actor_id, any(actor_type) AS actor_type, uniqExact(id) AS refusals, uniqExact(action) AS actions,
    topK(3)(action) AS most_refused_actions, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM {database}.events
WHERE denied AND occurred_at >= {since:DateTime64(3, 'UTC')} AND occurred_at < {until:DateTime64(3, 'UTC')}
    AND decode_status = 'decoded'
GROUP BY actor_id
ORDER BY refusals DESC, actor_id;

-- How much of what happened in each minute?
CREATE VIEW IF NOT EXISTS {database}.events_per_minute AS
SELECT minute, action, outcome, source, uniqExactMerge(ids) AS events
FROM {database}.minutes
WHERE minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}
GROUP BY minute, action, outcome, source
ORDER BY minute, action, outcome, source;

-- How busy was each actor in each minute?
CREATE VIEW IF NOT EXISTS {database}.actor_minutes AS
SELECT actor_id, toStartOfMinute(occurred_at) AS minute, uniqExact(id) AS events, uniqExactIf(id, denied) AS refusals
FROM {database}.events
WHERE occurred_at >= {since:DateTime64(3, 'UTC')} AND occurred_at < {until:DateTime64(3, 'UTC')} AND decode_status = 'decoded'
GROUP BY actor_id, minute
ORDER BY actor_id, minute;

-- Which events were delivered more than once, and where?
CREATE VIEW IF NOT EXISTS {database}.duplicates AS
SELECT id, count() AS deliveries, groupArray(100)((topic, generation, partition, offset)) AS places,
    uniqExact(value_sha256) AS values
FROM {database}.events
WHERE decode_status = 'decoded'
GROUP BY id
HAVING deliveries > 1;

-- What is no event, and why?
CREATE VIEW IF NOT EXISTS {database}.not_events AS
SELECT topic, generation, partition, offset, appended_at, decode_status, decode_error, value_bytes, raw
FROM {database}.events
WHERE decode_status != 'decoded'
ORDER BY topic, generation, partition, offset;

-- What did the detections find?
CREATE VIEW IF NOT EXISTS {database}.findings_once AS
SELECT * FROM {database}.findings
ORDER BY found_at
LIMIT 1 BY finding_id;

-- The events behind each finding.
CREATE VIEW IF NOT EXISTS {database}.finding_evidence AS
SELECT f.finding_id AS finding_id, f.rule AS rule, e.occurred_at AS occurred_at, e.actor_id AS actor_id, e.action AS action,
    e.resource_id AS resource_id, e.outcome AS outcome, e.ip AS ip, e.id AS id, e.topic AS topic, e.generation AS generation,
    e.partition AS partition, e.offset AS offset
FROM (SELECT *, arrayJoin(evidence) AS evidence_offset FROM {database}.findings WHERE finding_id = {finding:String} LIMIT 1 BY finding_id, evidence_offset) AS f
INNER JOIN {database}.events AS e
    ON e.topic = f.topic AND e.generation = f.generation AND e.partition = f.partition AND e.offset = f.evidence_offset
ORDER BY occurred_at, offset;

-- Counts a minute, kept when the rows themselves expire. The ids are counted, not the rows: an event that was delivered
-- twice, in one insert or in two, counts once. A union of sets can be written twice without harm, and the deduplication
-- window keeps even that from happening. Not partitioned: the times of events go anywhere, and one insert must be one part here
-- too. (Times outside 1970 to 2106 are counted at the nearest end.)
CREATE TABLE IF NOT EXISTS {database}.minutes
(
    minute       DateTime('UTC') COMMENT 'Of occurred_at',
    action       LowCardinality(String),
    outcome      LowCardinality(String),
    source       LowCardinality(String),
    ids          AggregateFunction(uniqExact, UInt128)
)
ENGINE = AggregatingMergeTree
ORDER BY (minute, action, outcome, source)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.minutes_of_events TO {database}.minutes AS
SELECT
    toDateTime(least(greatest(intDiv(occurred_at_ms, 60000) * 60, 0), 4294967280), 'UTC') AS minute,
    action,
    outcome,
    source,
    uniqExactState(reinterpretAsUInt128(sipHash128(id))) AS ids
FROM {database}.events
WHERE decode_status = 'decoded'
GROUP BY minute, action, outcome, source;

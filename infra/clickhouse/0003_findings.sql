-- What the detections found. `finding_id` follows from rule and place, so finding the same again gives the same id, and it
-- is the insert's token: one row for each finding, whatever is started again. (Replacing is a second line of defence.)
CREATE TABLE IF NOT EXISTS {database}.findings
(
    finding_id     String COMMENT 'SHA-256, hex',
    rule           LowCardinality(String),
    severity       LowCardinality(String) COMMENT 'low, medium, high',
    actor_id       String,
    actor_type     LowCardinality(String),
    subject        String COMMENT 'What it is about besides the actor: a class of actions, a minute',
    occurred_at    DateTime64(3, 'UTC') COMMENT 'Time of the event that gave it',
    topic          LowCardinality(String),
    generation     UInt32,
    partition      UInt32,
    offset         UInt64 COMMENT 'The event that gave it',
    evidence       Array(UInt64) COMMENT 'Offsets of events that show it, in the same partition; the first ones where there are many',
    title          String,
    explanation    String COMMENT 'In words',
    details        String COMMENT 'Numbers behind it, JSON',
    found_at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY finding_id
SETTINGS non_replicated_deduplication_window = 10000;

-- What the worker remembers. Nothing here is needed to ask questions about events.

-- One row for each run of offsets that some worker set out to insert, written before its rows. The first one for
-- (place, first, round) wins: its token lets nobody else's in, so that workers who are alive at once insert the same runs
-- with the same tokens. A run whose rows are there is done; one whose rows are not is inserted again, exactly as it was.
-- `round` counts how often rows at this place had to be written anew because somebody removed them.
CREATE TABLE IF NOT EXISTS {database}.runs
(
    topic       LowCardinality(String),
    generation  UInt32,
    partition   UInt32,
    first       UInt64 COMMENT 'First offset of the run',
    last        UInt64 COMMENT 'Last offset of the run, inclusive',
    round       UInt32,
    worker      String COMMENT 'Names the call that made the claim',
    claimed_at  DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'By the clock of the server'
)
ENGINE = MergeTree
ORDER BY (topic, generation, partition, first, round)
SETTINGS non_replicated_deduplication_window = 10000;

-- For the day old rows expire: offsets from `rows_from` to below `next_offset` are to be in `events`. Whoever removes rows
-- raises `rows_from` with an INSERT of one row first; without that they count as missing and are filled again.
CREATE TABLE IF NOT EXISTS {database}.watermarks
(
    topic        LowCardinality(String),
    generation   UInt32,
    partition    UInt32,
    rows_from    SimpleAggregateFunction(max, UInt64) COMMENT 'First offset that is to have a row',
    next_offset  SimpleAggregateFunction(max, UInt64) COMMENT 'Every offset below was given a row'
)
ENGINE = AggregatingMergeTree
ORDER BY (topic, generation, partition);

-- What the detections remember of the events below `next_offset`. It can be lost: then all rows are gone through again.
CREATE TABLE IF NOT EXISTS {database}.detector_states
(
    topic        LowCardinality(String),
    generation   UInt32,
    partition    UInt32,
    rules        String COMMENT 'Hash of the rules and their settings: a state of other rules is not used',
    next_offset  UInt64,
    state        String CODEC(ZSTD(3)),
    saved_at     DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (topic, generation, partition, rules);

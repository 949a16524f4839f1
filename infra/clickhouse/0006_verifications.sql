-- One row for each run of the verifier that is over, written when its findings are in `verification_findings`. A copy to ask questions of:
-- what counts is the report that the verifier itself keeps, and the audit event of the run.
CREATE TABLE IF NOT EXISTS {database}.verification_runs
(
    run_id            String COMMENT 'UUID',
    trigger           LowCardinality(String) COMMENT 'schedule, start, resume, catch-up, once',
    started_at        DateTime64(3, 'UTC'),
    finished_at       DateTime64(3, 'UTC'),
    verdict           LowCardinality(String) COMMENT 'verified, failed, inconclusive; error: there is none',
    exit_code         UInt8 COMMENT '0 verified, 1 tampering or loss, 2 usage, 3 inconclusive',
    error_code        LowCardinality(String) COMMENT 'Why there is no verdict; empty where there is one',
    error_message     String,
    origin            LowCardinality(String) COMMENT 'Name of the log; empty without a verdict, as all below',
    root_key          String COMMENT 'vkey that was pinned',
    mode              LowCardinality(String) COMMENT 'full, incremental',
    scope             LowCardinality(String) COMMENT 'all, ranges',
    anchored_to       LowCardinality(String) COMMENT 'anchor, witnesses, key',
    witnesses         Array(String) COMMENT 'Names of those whose cosignatures reached the quorum',
    log_size          Nullable(UInt64) COMMENT 'Entries of the published log',
    log_root          String COMMENT 'Its root, base64',
    events            UInt64 COMMENT 'Events that agree',
    sealed_events     UInt64 COMMENT 'Events that are sealed',
    seals             UInt64 COMMENT 'Seals that agree',
    statements        UInt64 COMMENT 'Accepted statements',
    unsealed          UInt64 COMMENT 'Records not sealed yet',
    findings          UInt64 COMMENT 'All findings, those included that were only counted',
    findings_failing  UInt64 COMMENT 'Those that fail the run',
    recorded_at       DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (started_at, run_id)
SETTINGS non_replicated_deduplication_window = 10000;

-- What a run found: all findings that it kept with their evidence.
CREATE TABLE IF NOT EXISTS {database}.verification_findings
(
    run_id        String,
    started_at    DateTime64(3, 'UTC') COMMENT 'Of the run',
    hash          String COMMENT 'What acknowledges the finding, base64',
    code          LowCardinality(String),
    severity      LowCardinality(String) COMMENT 'tampering, loss, warning, note',
    topic         LowCardinality(String) COMMENT 'Empty where it has none',
    partition     Nullable(UInt32),
    generation    Nullable(UInt32),
    place         String COMMENT 'Offsets or the hash of a statement',
    expected      Nullable(String),
    found         Nullable(String),
    message       String,
    acknowledged  String COMMENT 'The reason that somebody gave; empty where nobody did'
)
ENGINE = ReplacingMergeTree
ORDER BY (started_at, run_id, hash)
SETTINGS non_replicated_deduplication_window = 10000;

-- Since when what a run could not cover had waited: a ledger that stands still is verified all the same, and shows only here and in limits.
-- Where a column is NULL there was nothing that waits, nobody says since when, or the run was recorded by an earlier release.
ALTER TABLE {database}.verification_runs
    ADD COLUMN IF NOT EXISTS unsealed_since DateTime64(3, 'UTC') NULL COMMENT 'When the oldest record that is not sealed was stored' AFTER unsealed,
    ADD COLUMN IF NOT EXISTS pending UInt64 NULL COMMENT 'Accepted statements that the published log does not hold; NULL: no log was read' AFTER unsealed_since,
    ADD COLUMN IF NOT EXISTS pending_since DateTime64(3, 'UTC') NULL COMMENT 'When the first of them was stored' AFTER pending,
    ADD COLUMN IF NOT EXISTS checkpoint_since DateTime64(3, 'UTC') NULL COMMENT 'Time of the checkpoint, by the quorum of witnesses' AFTER pending_since,
    ADD COLUMN IF NOT EXISTS unsealed_age_ms Int64 NULL ALIAS if(isNull(unsealed_since), NULL, greatest(0, dateDiff('millisecond', unsealed_since, started_at))) COMMENT 'How old it was when the run began',
    ADD COLUMN IF NOT EXISTS pending_age_ms Int64 NULL ALIAS if(isNull(pending_since), NULL, greatest(0, dateDiff('millisecond', pending_since, started_at))),
    ADD COLUMN IF NOT EXISTS checkpoint_age_ms Int64 NULL ALIAS if(isNull(checkpoint_since), NULL, greatest(0, dateDiff('millisecond', checkpoint_since, started_at)));

import type { Migration } from "./Migration.ts"

/**
 * What a baseline that was only seen says of several tasks. A time and no flag: the release before, which may still lead,
 * sets other baselines and leaves this column as it is, and what it left must not be taken for theirs.
 */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `alter table repository add column baseline_all_at timestamptz`,
    `comment on column repository.baseline_all_at is
      'baseline_at where every mapped task ran the baseline when it was seen; any other time says nothing of it'`
  ]
}

export default migration

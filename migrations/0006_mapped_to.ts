import type { Migration } from "./Migration.ts"

/** The job that a repository's baseline belongs to: another job is seen for the first time (S20). */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `alter table repository add column mapped_to text`,
    `comment on column repository.mapped_to is 'region, namespace and job of the baseline, as JSON'`
  ]
}

export default migration

import type { Migration } from "./Migration.ts"

/** What a request names, what a failure is to blame on, and what makes a view the first or a good one. */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `alter table repository
      add column request_tag text,
      add column request_digest text,
      add column abandoned uuid`,
    `comment on column repository.abandoned is 'an attempt with unknown outcome that a person gave up'`,

    `alter table attempt add column request_kind text, add column requested_by text`,

    `alter table quarantine add column failures integer not null default 0`,
    `comment on column quarantine.failures is 'how often for causes that are not the image''s; 0: it is the image''s'`
  ]
}

export default migration

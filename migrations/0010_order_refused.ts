import type { Migration } from "./Migration.ts"

/** What Nomad said where it refused to promote or to fail a rollout: who ordered it is to see that. */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `alter table attempt add column order_refused text`,
    `comment on column attempt.order_refused is
      'Nomad''s words; what was ordered stands no more, and is kept for people until something else is ordered'`
  ]
}

export default migration

import type { Migration } from "./Migration.ts"

/**
 * What Nomad said where it refused to promote or to fail a rollout: who ordered it is to see that. The whole order, for the
 * release before, which may still lead or take orders, leaves this column as it is; what stands is where that looks for it.
 */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `alter table attempt add column order_refused jsonb`,
    `comment on column attempt.order_refused is
      'the last order that Nomad refused, which stands no more: what, of whom (null: of nobody), for which deployment, and Nomad''s words'`
  ]
}

export default migration

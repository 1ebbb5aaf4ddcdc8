import type { Migration } from "./Migration.ts"

/** API tokens, by their hash only (X7). */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `create table token (
      hash bytea primary key check (length(hash) = 32),
      principal text not null,
      role text not null check (role in ('read', 'operate', 'admin')),
      repositories text[],
      created_at timestamptz not null default now(),
      expires timestamptz,
      revoked timestamptz
    )`,
    `create unique index token_principal on token (principal) where revoked is null`
  ]
}

export default migration

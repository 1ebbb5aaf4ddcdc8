import type { Migration } from "./Migration.ts"

/** What is to be told, and the brake over all repositories (S17). */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    // The order of `id` is the order in which a repository's notifications leave (L12).
    `create table outbox (
      id bigint generated always as identity primary key,
      message uuid not null unique default gen_random_uuid(),
      repository text collate "C" references repository,
      kind text not null,
      content jsonb not null,
      created_at timestamptz not null default now(),
      tries integer not null default 0,
      next_try_at timestamptz not null default now(),
      sent_at timestamptz
    )`,
    `create index outbox_unsent on outbox (next_try_at, id) where sent_at is null`,

    `create table brake (
      id bigint generated always as identity primary key,
      since timestamptz not null default now(),
      moves_stopped jsonb not null,
      released_at timestamptz,
      released_by text,
      moves_released jsonb
    )`,
    `create unique index brake_only_one_on on brake ((true)) where released_at is null`
  ]
}

export default migration

import type { Migration } from "./Migration.ts"

/** What registries and Nomad answered last, and what was decided from it. */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    // No foreign key: 100,000 tags come in one listing, and each would look for its repository.
    `create table tag (
      repository text collate "C" not null,
      tag text collate "C" not null check (tag ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$'),
      first_seen timestamptz not null default now(),
      listed boolean not null,
      gone_at timestamptz,
      missing_at timestamptz,
      digest text,
      digest_at timestamptz,
      primary key (repository, tag)
    )`,
    `comment on column tag.listed is 'a listing had it once; false: only ever asked for by name'`,
    `comment on column tag.gone_at is 'when it left the listing'`,
    `comment on column tag.missing_at is 'when the registry, asked for it by name, said that there is none'`,

    `create table repository_view (
      repository text collate "C" primary key references repository,
      listed_at timestamptz,
      taken_at timestamptz not null default now(),
      suspect text,
      fingerprint text,
      listing_hash bytea
    )`,
    `comment on column repository_view.listed_at is 'when the listing last changed; null: there was none yet'`,
    `comment on column repository_view.listing_hash is 'SHA-256 over listing, suspicion and fingerprint'`,

    // The only rows that a quiet interval writes; small, with room for heap-only updates.
    `create table checked (
      repository text collate "C" primary key references repository,
      checked_at timestamptz not null
    ) with (fillfactor = 50)`,

    `create table observation (
      repository text collate "C" primary key references repository,
      observed jsonb,
      observed_at timestamptz,
      unread jsonb,
      unread_at timestamptz
    )`,
    `comment on column observation.unread is 'why Nomad can not be read now; observed is then what it said before'`,

    `create table decision (
      repository text collate "C" primary key references repository,
      decision jsonb not null,
      since timestamptz not null default now()
    )`,
    `create table decision_history (
      id bigint generated always as identity primary key,
      repository text collate "C" not null references repository,
      decision jsonb not null,
      since timestamptz not null,
      until timestamptz not null default now()
    )`,
    `create index decision_history_repository on decision_history (repository, until)`
  ]
}

export default migration

import type { Migration } from "./Migration.ts"

/** Who leads, what was tried, and what is not to be tried again. */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `create table leadership (
      only_one boolean primary key default true check (only_one),
      epoch bigint not null,
      holder uuid,
      since timestamptz
    )`,
    `insert into leadership (epoch) values (0)`,

    `create table attempt (
      seq bigint generated always as identity,
      id uuid primary key,
      repository text collate "C" not null references repository,
      region text not null,
      namespace text not null,
      job text not null,
      generation bigint not null,
      reason text not null check (reason in ('requested', 'new_version', 'digest_changed', 'drift')),
      from_tag text,
      from_digest text,
      to_tag text not null,
      to_digest text not null,
      image_sent text not null,
      job_hash text,
      base_index bigint not null,
      base_version bigint not null,
      epoch bigint not null,
      holder uuid not null,
      state text not null check (state in ('intended', 'submitted', 'unknown', 'accepted', 'conflict', 'rejected',
        'lost', 'aborted', 'succeeded', 'failed', 'reverted', 'superseded')),
      phase text check (phase in ('rolling', 'awaiting_promotion', 'unplaceable', 'slow')),
      nomad_index bigint,
      nomad_version bigint,
      eval_id text,
      deployment_id text,
      words text,
      created_at timestamptz not null default now(),
      submitted_at timestamptz,
      accepted_at timestamptz,
      changed_at timestamptz not null default now(),
      ended_at timestamptz
    )`,
    `comment on column attempt.seq is 'the order of attempts: clocks jump'`,
    `create unique index attempt_open_one_a_job on attempt (region, namespace, job)
      where state in ('intended', 'submitted', 'unknown')`,
    `create index attempt_rolling on attempt (region, namespace, job) where state = 'accepted'`,
    `create index attempt_repository on attempt (repository, seq desc)`,

    // Every edge is audited, whoever takes it.
    `create function audit_attempt() returns trigger language plpgsql as $$
      begin
        insert into audit (who, action, repository, attempt, before, after, why)
        values (
          'registrywatcher', 'attempt ' || new.state, new.repository, new.id,
          jsonb_build_object('tag', new.from_tag, 'digest', new.from_digest),
          jsonb_build_object('tag', new.to_tag, 'digest', new.to_digest),
          case when new.words is null then new.reason else new.reason || ': ' || new.words end);
        return null;
      end $$`,
    `create trigger attempt_is_audited after insert on attempt
      for each row execute function audit_attempt()`,
    `create trigger attempt_edge_is_audited after update of state on attempt
      for each row when (old.state is distinct from new.state) execute function audit_attempt()`,

    `create table quarantine (
      repository text collate "C" not null references repository,
      digest text not null,
      why text not null,
      since timestamptz not null default now(),
      until timestamptz,
      primary key (repository, digest)
    )`,

    `create table adopted_marker (
      marker uuid primary key,
      who text not null,
      at timestamptz not null default now()
    )`
  ]
}

export default migration

import type { Migration } from "./Migration.ts"

/** What the owners want, who changed it, and the predecessor's table beside it. */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `create table repository (
      name text collate "C" primary key,
      pinned_tag text not null default '' check (pinned_tag ~ '^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$'),
      auto_deploy boolean not null default true,
      hold jsonb,
      generation bigint not null default 1,
      requested_generation bigint check (requested_generation <= generation),
      request_kind text check (request_kind in ('pin', 'reset', 'redeploy', 'rollback')),
      requested_by text,
      high_water_mark text,
      baseline_tag text,
      baseline_digest text,
      baseline_at timestamptz,
      updated_by text not null,
      updated_at timestamptz not null default now(),
      constraint request_is_whole check (
        (requested_generation is null) = (request_kind is null)
        and (requested_generation is null) = (requested_by is null))
    )`,

    `create table audit (
      id bigint generated always as identity primary key,
      at timestamptz not null default now(),
      who text not null,
      address text,
      action text not null,
      repository text collate "C",
      attempt uuid,
      before jsonb,
      after jsonb,
      why text
    )`,
    `create index audit_repository on audit (repository, action, at desc)`,
    `create function refuse_to_edit() returns trigger language plpgsql as $$
      begin
        raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
      end $$`,
    `create trigger audit_is_append_only before update or delete or truncate on audit
      for each statement execute function refuse_to_edit()`,

    `create function tell_of_desired_state() returns trigger language plpgsql as $$
      begin
        perform pg_notify('registrywatcher', new.name);
        return null;
      end $$`,
    `create trigger desired_state_is_told after update of generation on repository
      for each row when (old.generation is distinct from new.generation)
      execute function tell_of_desired_state()`,

    // Going back to the predecessor must find what was set here. Its table has no key that we could rely on.
    `create function keep_predecessor_in_step() returns trigger language plpgsql as $$
      declare
        kept integer;
      begin
        if to_regclass('deployed_repository_version') is null then
          return null;
        end if;
        execute 'update deployed_repository_version set pinned_tag = $2, auto_deploy = $3
          where repository_name = $1' using new.name, new.pinned_tag, new.auto_deploy;
        get diagnostics kept = row_count;
        if kept = 0 then
          execute 'insert into deployed_repository_version (repository_name, pinned_tag, auto_deploy)
            values ($1, $2, $3)' using new.name, new.pinned_tag, new.auto_deploy;
        end if;
        return null;
      end $$`,
    `create trigger predecessor_is_kept_in_step after update of pinned_tag, auto_deploy on repository
      for each row execute function keep_predecessor_in_step()`
  ]
}

export default migration

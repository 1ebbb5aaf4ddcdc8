import { told } from "./0007/told.ts"
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

    // Not by time, which may jump: the audit of one repository in the order in which it was written.
    `create index audit_order on audit (repository, id desc)`,

    `alter table attempt
      add column request_kind text,
      add column requested_by text,
      add column fingerprint text,
      add column mark_before text`,
    `comment on column attempt.fingerprint is 'of the config entry that it was decided under'`,
    `comment on column attempt.mark_before is 'the high-water mark when it was accepted: a request that failed sets none'`,
    // Sent again, and refused again in the same words: that Nomad is waited for stands in the audit once.
    `create or replace function audit_attempt() returns trigger language plpgsql as $$
      begin
        if tg_op = 'UPDATE' and (
          (new.state = 'submitted' and old.submitted_at is not null)
          or (new.state = 'intended' and new.words is not distinct from old.words)) then
          return null;
        end if;
        insert into audit (who, action, repository, attempt, before, after, why)
        values (
          'registrywatcher', 'attempt ' || new.state, new.repository, new.id,
          jsonb_build_object('tag', new.from_tag, 'digest', new.from_digest),
          jsonb_build_object('tag', new.to_tag, 'digest', new.to_digest),
          case when new.words is null then new.reason else new.reason || ': ' || new.words end);
        return null;
      end $$`,
    `alter table attempt add column blame text check (blame in ('image', 'surroundings', 'others', 'unknown'))`,
    // Rows are never pruned: what few attempts are must be found without walking all of them.
    `create index attempt_rejected on attempt (repository, seq desc) where state = 'rejected'`,
    `create index attempt_blamed on attempt (region, namespace, job, ended_at) where blame is not null`,

    `alter table quarantine add column failures integer not null default 0`,
    `comment on column quarantine.failures is 'how often for causes that are not the image''s; 0: it is the image''s'`,

    `alter table repository add column edited_at timestamptz`,
    `comment on column repository.edited_at is 'when somebody changed the row by SQL: the next view is the first again (S17)'`,
    // Whoever edits a row by hand thinks of no generation; nobody would hear of it before the next poll.
    `create function mark_edit() returns trigger language plpgsql as $$
      begin
        new.generation := old.generation + 1;
        new.edited_at := now();
        insert into audit (who, action, repository, before, after)
        values (
          session_user, 'edited by SQL', new.name,
          jsonb_build_object('pinnedTag', old.pinned_tag, 'autoDeploy', old.auto_deploy, 'generation', old.generation),
          jsonb_build_object('pinnedTag', new.pinned_tag, 'autoDeploy', new.auto_deploy, 'generation', new.generation));
        return new;
      end $$`,
    `create trigger edit_is_marked before update on repository
      for each row when (
        (old.pinned_tag, old.auto_deploy) is distinct from (new.pinned_tag, new.auto_deploy)
        and old.generation = new.generation)
      execute function mark_edit()`,
    // "update of generation" passes over what a trigger raises.
    `drop trigger desired_state_is_told on repository`,
    `create trigger desired_state_is_told after update on repository
      for each row when (old.generation is distinct from new.generation)
      execute function tell_of_desired_state()`,

    `alter table tag add column moved_at timestamptz`,
    `comment on column tag.moved_at is 'when it was last seen to be pushed anew: another digest than the known one, or there again'`,
    `alter table repository_view
      add column first_listed_at timestamptz,
      add column suspect_hash bytea,
      add column suspect_since timestamptz,
      add column suspect_facts jsonb,
      add column accepted_hash bytea,
      add column accepted_by text,
      add column accepted_by_reset boolean not null default false`,
    `comment on column repository_view.first_listed_at is
      'when the first good view under this fingerprint, after the last edit, was taken (S17)'`,
    `comment on column repository_view.suspect_hash is 'SHA-256 over the suspect listing, as the registry gave it'`,
    `comment on column repository_view.accepted_hash is 'of the suspect listing that a person accepted'`,

    ...told
  ]
}

export default migration

/**
 * What people are told, written by whatever changes it: by triggers, so that no way of changing it can forget to (L12).
 * `kind` and `content` are the tag and the fields of `src/domain/Notice.ts`; the sentences are the notifier's.
 */
export const told: ReadonlyArray<string> = [
  `alter table outbox add column dropped integer not null default 0`,
  `comment on column outbox.dropped is 'older ones that were given up; said with this one'`,
  `create index outbox_sent on outbox (sent_at) where sent_at is not null`,

  // From `accepted` on, not `submitted`: while Nomad is away an attempt is submitted again and again, and moves nothing.
  `create function tell_of_attempt() returns trigger language plpgsql as $$
    declare
      facts jsonb := jsonb_build_object('job', new.job, 'tag', new.to_tag, 'digest', new.to_digest,
        'attempt', new.id, 'who', new.requested_by);
      before record;
    begin
      if new.state = 'rejected' and new.reason <> 'requested' then
        -- What Nomad refuses is tried again once an hour, and is no news then.
        select state, to_digest, words into before from attempt
        where repository = new.repository and seq < new.seq and (state = 'rejected' or accepted_at is not null)
        order by seq desc limit 1;
        if (before.state, before.to_digest, before.words) is not distinct from ('rejected', new.to_digest, new.words) then
          return null;
        end if;
      end if;
      if new.state = 'accepted' and new.reason = 'digest_changed' then
        insert into outbox (repository, kind, content) values (new.repository, 'DigestChanged', facts);
      end if;
      insert into outbox (repository, kind, content) values (
        new.repository,
        case new.state when 'accepted' then 'Deploying' when 'succeeded' then 'Succeeded'
          when 'rejected' then 'Rejected' else 'Failed' end,
        case when new.state in ('accepted', 'succeeded') then facts
          else facts || jsonb_build_object('words', new.words) end);
      return null;
    end $$`,
  `create trigger attempt_is_told after update of state on attempt
    for each row when (old.state is distinct from new.state
      and new.state in ('accepted', 'succeeded', 'rejected', 'failed', 'reverted'))
    execute function tell_of_attempt()`,

  `create function tell_of_switch() returns trigger language plpgsql as $$
    begin
      insert into outbox (repository, kind, content)
      values (new.name, 'Switched', jsonb_build_object('on', new.auto_deploy, 'who', new.updated_by));
      return null;
    end $$`,
  // Not what is taken over from the predecessor, which told it; an edit by SQL leaves its author as it was.
  `create trigger switch_is_told after update of auto_deploy on repository
    for each row when (old.auto_deploy is distinct from new.auto_deploy
      and not (new.updated_by = 'registrywatcher' and new.updated_at is distinct from old.updated_at))
    execute function tell_of_switch()`,

  // One stall is told once: it lasts until the repository is in sync or moves, whatever it waits for in between.
  `create function tell_of_stall() returns trigger language plpgsql as $$
    declare
      stall text := new.decision ->> 'reason';
    begin
      if exists (
        select from decision_history h
        where h.repository = new.repository and h.decision ->> '_tag' = 'Stall' and h.decision ->> 'reason' = stall
          and h.id > coalesce((
            select max(moved.id) from decision_history moved
            where moved.repository = new.repository
              and moved.decision ->> '_tag' in ('InSync', 'Deploy', 'Follow')), 0)
      ) then
        return null;
      end if;
      -- The attempt's own end has told it already.
      if stall = 'rollout_failed' and (
        select state from attempt where repository = new.repository and accepted_at is not null
        order by seq desc limit 1) in ('failed', 'reverted')
      then
        return null;
      end if;
      insert into outbox (repository, kind, content)
      values (new.repository, 'Stalled', jsonb_build_object('reason', stall, 'words', new.decision ->> 'words'));
      return null;
    end $$`,
  // Not told: a refused job, which its attempt tells; what a person did to the job on purpose, such as stopping it.
  `create trigger stall_is_told after insert or update of decision on decision
    for each row when (new.decision ->> '_tag' = 'Stall' and new.decision ->> 'reason' in
      ('drift', 'contested', 'unknown_marker', 'unknown_outcome', 'rollout_failed', 'task_not_found'))
    execute function tell_of_stall()`,

  `create function tell_of_brake() returns trigger language plpgsql as $$
    declare
      moves jsonb := case when tg_op = 'INSERT' then new.moves_stopped else new.moves_released end;
      named jsonb := case jsonb_typeof(moves) when 'array' then moves else '[]' end;
    begin
      insert into outbox (kind, content) values (
        case when tg_op = 'INSERT' then 'BrakeOn' else 'BrakeReleased' end,
        jsonb_build_object('moves', jsonb_array_length(named), 'who', new.released_by,
          'repositories', (select coalesce(jsonb_agg(name), '[]') from (
            select case jsonb_typeof(move) when 'string' then move #>> '{}' else move ->> 'repository' end as name
            from jsonb_array_elements(named) move limit 30) names where name is not null)));
      return null;
    end $$`,
  `create trigger brake_is_told after insert on brake
    for each row when (new.released_at is null) execute function tell_of_brake()`,
  `create trigger release_is_told after update of released_at on brake
    for each row when (old.released_at is null and new.released_at is not null) execute function tell_of_brake()`
]

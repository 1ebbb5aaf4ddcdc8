import type { Migration } from "./Migration.ts"

/** Canaries that wait for their promotion, and what is ordered for a rollout that goes on. */
const migration: Migration = {
  readableByReleaseBefore: true,
  statements: [
    `alter table attempt
      add column canaries jsonb,
      add column canaries_since timestamptz,
      add column ordered text check (ordered in ('promote', 'fail')),
      add column ordered_by text,
      add column ordered_why text,
      add column ordered_deployment text,
      add column order_sent_at timestamptz,
      add column order_done_at timestamptz,
      add column promotion_told boolean not null default false`,
    `comment on column attempt.canaries_since is 'since when they are the same and all healthy: the soak goes by it'`,
    `comment on column attempt.ordered is 'by a person; healthy canaries are promoted without'`,
    `comment on column attempt.ordered_deployment is
      'the deployment that was or is to be promoted or failed: never another one'`,

    // A rollout waits for a person: told once an attempt, however often its canaries come and go.
    `create function tell_of_promotion() returns trigger language plpgsql as $$
      begin
        with told as (
          update attempt a set promotion_told = true
          where a.repository = new.repository and a.state = 'accepted' and a.phase = 'awaiting_promotion'
            and not a.promotion_told
          returning a.id, a.seq, a.job, a.to_tag
        )
        insert into outbox (repository, kind, content)
        select new.repository, 'AwaitingPromotion', jsonb_build_object(
          'job', job, 'tag', to_tag, 'attempt', id, 'words', new.decision ->> 'words')
        from told order by seq desc limit 1;
        return null;
      end $$`,
    `create trigger promotion_is_told after insert or update of decision on decision
      for each row when (new.decision ->> '_tag' = 'Follow' and new.decision ->> 'reason' = 'awaiting_promotion')
      execute function tell_of_promotion()`
  ]
}

export default migration

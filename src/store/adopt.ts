import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Fragment } from "effect/sql/Statement"
import { jobKey } from "../domain/JobRef.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Watched } from "../domain/Watched.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

/** The rows of what is watched, and what they take over: of the predecessor, and of another job. */
export interface AdoptCalls {
  /** Makes the missing rows, the predecessor's taken over; opens no request. */
  adopt(watched: ReadonlyArray<Watched>): Effect.Effect<void, StoreError>
}

export const adopt = (sql: PgClient.PgClient): AdoptCalls => {
  /** A repository that is mapped to another job than its baseline is from sees that job for the first time (S20). */
  const forgetBaselines = (watched: ReadonlyArray<Watched>) => {
    const names = watched.map(({ name }) => name)
    const jobs = watched.map(({ mapping }) => jobKey(mapping.job))
    return sql`
      with other as (
        select r.name, r.mapped_to, w.job
        from repository r join unnest(${names}::text[], ${jobs}::text[]) as w (name, job) on w.name = r.name
        where r.mapped_to is distinct from w.job
        order by r.name for no key update of r
      ), moved as (
        update repository r set
          mapped_to = other.job,
          baseline_tag = case when r.mapped_to is null then r.baseline_tag end,
          baseline_digest = case when r.mapped_to is null then r.baseline_digest end,
          baseline_at = case when r.mapped_to is null then r.baseline_at end
        from other where r.name = other.name
        returning r.name, other.mapped_to as before, other.job as after
      )
      insert into audit (who, action, repository, before, after)
      select 'registrywatcher', 'mapped to another job', name, before::jsonb, after::jsonb
      from moved where before is not null`
  }

  /**
   * What the predecessor, while it ran again, set in its own table. The two are in step whenever we write, so that what
   * differs is newer there; but for a row with its defaults that it made for a repository which it did not know.
   */
  const retake = (names: ReadonlyArray<RepositoryName>, predecessor: Fragment) => sql`
    with theirs as (
      select r.name, p.pinned_tag as pin, p.auto_deploy, r.pinned_tag as pin_before, r.auto_deploy as auto_before
      from repository r join (${predecessor}) as p on p.repository_name = r.name
      where r.name = any(${names}::text[])
        and p.pinned_tag ~ '^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$' and p.auto_deploy is not null
        and (p.pinned_tag, p.auto_deploy) is distinct from (r.pinned_tag, r.auto_deploy)
        and (p.pinned_tag <> '' or not p.auto_deploy or exists (
          select from audit a where a.repository = r.name and a.action = 'taken over'))
      order by r.name for no key update of r
    ), retaken as (
      update repository r set
        pinned_tag = theirs.pin, auto_deploy = theirs.auto_deploy, generation = r.generation + 1, edited_at = now(),
        high_water_mark = coalesce(nullif(theirs.pin, ''), r.high_water_mark),
        updated_by = 'registrywatcher', updated_at = now()
      from theirs where r.name = theirs.name
    )
    insert into audit (who, action, repository, before, after)
    select 'registrywatcher', 'taken over', name,
      jsonb_build_object('pinnedTag', pin_before, 'autoDeploy', auto_before),
      jsonb_build_object('pinnedTag', pin, 'autoDeploy', auto_deploy)
    from theirs`

  return {
    adopt: (watched) =>
      storeCall(
        "StateStore.adopt",
        Effect.gen(function* () {
          const names = watched.map(({ name }) => name)
          const [found] = yield* sql<{
            readonly here: boolean
          }>`select to_regclass('deployed_repository_version') is not null as here`
          const predecessor =
            found?.here === true
              ? sql`select repository_name, pinned_tag, auto_deploy from deployed_repository_version`
              : sql`select null::text as repository_name, null::text as pinned_tag, null::boolean as auto_deploy where false`
          // A pin that is no tag was never deployed. It is not followed either: the switch goes off, and a person is asked.
          yield* sql`
          with wanted as (
            select distinct on (w.name) w.name, p.repository_name is not null as known,
              coalesce(p.pinned_tag, '') as pin, coalesce(p.auto_deploy, true) as auto_deploy,
              coalesce(p.pinned_tag, '') ~ '^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$' as is_tag
            from unnest(${names}::text[]) as w (name)
            left join (${predecessor}) as p on p.repository_name = w.name
            where not exists (select from repository r where r.name = w.name)
          ), made as (
            insert into repository (name, pinned_tag, auto_deploy, high_water_mark, updated_by)
            select name, case when is_tag then pin else '' end, auto_deploy and is_tag,
              case when is_tag then nullif(pin, '') end, 'registrywatcher'
            from wanted
            on conflict do nothing
            returning name, pinned_tag, auto_deploy
          )
          insert into audit (who, action, repository, before, after)
          select 'registrywatcher', 'taken over', name,
            jsonb_build_object('pinnedTag', wanted.pin, 'autoDeploy', wanted.auto_deploy),
            jsonb_build_object('pinnedTag', made.pinned_tag, 'autoDeploy', made.auto_deploy)
          from made join wanted using (name) where wanted.known`
          yield* retake(names, predecessor)
          yield* forgetBaselines(watched)
        })
      )
  }
}

import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { Fragment } from "effect/sql/Statement"
import { Desired } from "../domain/Desired.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { standing } from "./fence.ts"
import { decodeRow, rowOf } from "./rows.ts"
import type { Watched } from "../domain/Watched.ts"
import { jobKey } from "../domain/JobRef.ts"
import type { StateStore } from "./StateStore.ts"
import { storeCall } from "./storeCall.ts"

const decodeDesired = decodeRow(Desired)
const desiredRow = (alias: string): string => rowOf(Desired, alias, { repository: "name" })

/** What the owners want: the rows of `repository`. */
export const desired = (
  sql: PgClient.PgClient
): Pick<
  StateStore["Service"],
  "adopt" | "desired" | "generations" | "change" | "closeRequest" | "setBaseline"
> => {
  /** A repository that is mapped to another job than its baseline is from sees that job for the first time (S20). */
  const forgetBaselines = (watched: ReadonlyArray<Watched>) => {
    const names = watched.map(({ name }) => name)
    const jobs = watched.map(({ mapping }) => jobKey(mapping.job))
    return sql`
      with moved as (
        update repository r set
          mapped_to = w.job,
          baseline_tag = case when r.mapped_to is null then r.baseline_tag end,
          baseline_digest = case when r.mapped_to is null then r.baseline_digest end,
          baseline_at = case when r.mapped_to is null then r.baseline_at end
        from unnest(${names}::text[], ${jobs}::text[]) as w (name, job), repository old
        where r.name = w.name and old.name = r.name and r.mapped_to is distinct from w.job
        returning r.name, old.mapped_to as before, w.job as after
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
      for update of r
    ), retaken as (
      update repository r set
        pinned_tag = theirs.pin, auto_deploy = theirs.auto_deploy, generation = r.generation + 1,
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
      ),

    desired: (repository) =>
      storeCall(
        "StateStore.desired",
        sql`select ${sql.literal(desiredRow("r"))} as row from repository r where name = ${repository}`.pipe(
          Effect.flatMap(decodeDesired)
        )
      ),

    generations: storeCall(
      "StateStore.generations",
      sql<{
        readonly name: RepositoryName
        readonly generation: bigint
      }>`select name, generation from repository`.pipe(
        Effect.map((rows) => new Map(rows.map(({ name, generation }) => [name, Number(generation)])))
      )
    ),

    change: ({ repository, pinnedTag = null, autoDeploy = null, request = null, lift = null, by, from }) =>
      storeCall(
        "StateStore.change",
        sql`
        with old as (
          select * from repository where name = ${repository} for update
        ), changed as (
          update repository r set
            pinned_tag = coalesce(${pinnedTag}::text, r.pinned_tag),
            auto_deploy = coalesce(${autoDeploy}::boolean, r.auto_deploy),
            generation = r.generation + 1,
            requested_generation =
              case when ${request}::text is null then r.requested_generation else r.generation + 1 end,
            request_kind = coalesce(${request}::text, r.request_kind),
            requested_by = case when ${request}::text is null then r.requested_by else ${by} end,
            high_water_mark = coalesce(nullif(${pinnedTag}::text, ''), r.high_water_mark),
            updated_by = ${by},
            updated_at = now()
          from old
          where r.name = old.name and (
            ${request}::text is not null
            or coalesce(${pinnedTag}::text, old.pinned_tag) <> old.pinned_tag
            or coalesce(${autoDeploy}::boolean, old.auto_deploy) <> old.auto_deploy)
          returning r.*
        ), lifted as (
          delete from quarantine q using old where q.repository = old.name and q.digest = ${lift}::text
        ), audited as (
          insert into audit (who, address, action, repository, before, after)
          select ${by}, ${from}, coalesce(${request}::text, 'change'), changed.name,
            jsonb_build_object('pinnedTag', old.pinned_tag, 'autoDeploy', old.auto_deploy, 'generation', old.generation),
            jsonb_build_object(
              'pinnedTag', changed.pinned_tag, 'autoDeploy', changed.auto_deploy, 'generation', changed.generation)
          from changed, old
        )
        select ${sql.literal(desiredRow("changed"))} as row from changed
        union all
        select ${sql.literal(desiredRow("old"))} from old where not exists (select from changed)`.pipe(
          Effect.flatMap(decodeDesired)
        )
      ),

    closeRequest: (fence, repository, generation) =>
      storeCall(
        "StateStore.closeRequest",
        sql`
        with fence as (${standing(sql, fence)}), closed as (
          update repository r set requested_generation = null, request_kind = null, requested_by = null
          from fence
          where r.name = ${repository} and r.requested_generation = ${generation}
          returning r.name
        )
        insert into audit (who, action, repository, why)
        select 'registrywatcher', 'request closed', name, 'its target is what the job has or gets' from closed`
      ).pipe(Effect.asVoid),

    setBaseline: (fence, repository, { tag, digest, raiseTo }) =>
      storeCall(
        "StateStore.setBaseline",
        sql`
        with fence as (${standing(sql, fence)})
        update repository r set
          baseline_tag = ${tag}::text, baseline_digest = ${digest}::text, baseline_at = now(),
          high_water_mark = coalesce(${raiseTo}::text, r.high_water_mark)
        from fence where r.name = ${repository}`
      ).pipe(Effect.asVoid)
  }
}

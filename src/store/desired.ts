import type { PgClient } from "@effect/sql-pg"
import { Effect, Schema } from "effect"
import type { Fragment } from "effect/sql/Statement"
import { Desired, Hold } from "../domain/Desired.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { standing } from "./fence.ts"
import { decodeRow, desiredRow, encodeJson, isYes } from "./rows.ts"
import type { Watched } from "../domain/Watched.ts"
import { jobKey } from "../domain/JobRef.ts"
import { StaleGeneration } from "./StaleGeneration.ts"
import type { StateStore } from "./StateStore.ts"
import { storeCall } from "./storeCall.ts"

const decodeDesired = decodeRow(Desired)
const decodeChanged = decodeRow(Schema.Struct({ desired: Desired, stale: Schema.Boolean }))
const encodeHold = encodeJson(Schema.NullOr(Hold))

/** Sets every column of a request that is open no more. */
export const noRequest = `requested_generation = null, request_kind = null, requested_by = null, request_tag = null, request_digest = null`

/** What the audit keeps of a row before and after a change. */
const audited = (alias: string): string =>
  `jsonb_strip_nulls(jsonb_build_object(
    'pinnedTag', ${alias}.pinned_tag, 'autoDeploy', ${alias}.auto_deploy, 'generation', ${alias}.generation,
    'hold', ${alias}.hold, 'request', ${alias}.request_kind, 'requestTag', ${alias}.request_tag,
    'requestDigest', ${alias}.request_digest))`

/** What the owners want: the rows of `repository`. */
export const desired = (
  sql: PgClient.PgClient
): Pick<
  StateStore["Service"],
  "adopt" | "desired" | "generations" | "change" | "endHold" | "closeRequest" | "setBaseline"
> => {
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

    change: (change) => {
      const { repository, pinnedTag = null, autoDeploy = null, hold = null, lift = null, by, from } = change
      const {
        request = null,
        requestTag = null,
        requestDigest = null,
        expected = null,
        trust = null
      } = change
      const keepsHold = change.hold === undefined
      // A pin is an order also where nothing is to be done for it: what was ordered before is not wanted any more.
      const isOrder = request !== null || pinnedTag !== null
      const action = request ?? (keepsHold ? "change" : hold === null ? "hold lifted" : "hold")
      return storeCall(
        "StateStore.change",
        Effect.flatMap(
          encodeHold(hold),
          (json) => sql`
        with old as (
          select *, generation <> coalesce(${expected}::bigint, generation) as stale
          from repository where name = ${repository} for no key update
        ), wanted as (
          select old.name,
            coalesce(${pinnedTag}::text, old.pinned_tag) as pinned_tag,
            coalesce(${autoDeploy}::boolean, old.auto_deploy) as auto_deploy,
            case when ${keepsHold} then old.hold else ${json === null ? null : sql.json(json)}::jsonb end as hold
          from old where not old.stale
        ), changed as (
          update repository r set
            pinned_tag = wanted.pinned_tag,
            auto_deploy = wanted.auto_deploy,
            hold = wanted.hold,
            generation = r.generation + 1,
            requested_generation =
              case when not ${isOrder} then r.requested_generation when ${request}::text is not null then r.generation + 1 end,
            request_kind = case when ${isOrder} then ${request}::text else r.request_kind end,
            requested_by =
              case when not ${isOrder} then r.requested_by when ${request}::text is not null then ${by} end,
            request_tag = case when ${isOrder} then ${requestTag}::text else r.request_tag end,
            request_digest = case when ${isOrder} then ${requestDigest}::text else r.request_digest end,
            high_water_mark = coalesce(nullif(${pinnedTag}::text, ''), r.high_water_mark),
            updated_by = ${by},
            updated_at = now()
          from wanted
          where r.name = wanted.name and (
            ${request}::text is not null
            or (${isOrder} and r.requested_generation is not null)
            or (wanted.pinned_tag, wanted.auto_deploy, wanted.hold)
              is distinct from (r.pinned_tag, r.auto_deploy, r.hold))
          returning r.*
        ), lifted as (
          delete from quarantine q using changed where q.repository = changed.name and q.digest = ${lift}::text
          returning q.digest
        ), trusted as (
          update repository_view v set accepted_hash = v.suspect_hash, accepted_by = ${by}, accepted_by_reset = true
          from wanted
          where v.repository = wanted.name and abs(extract(epoch from v.suspect_since - ${trust}::timestamptz)) < 0.001
        ), audited as (
          insert into audit (who, address, action, repository, before, after)
          select ${by}, ${from}, ${action}, changed.name, ${sql.literal(audited("old"))},
            ${sql.literal(audited("changed"))}
              || jsonb_strip_nulls(jsonb_build_object('lifted', (select digest from lifted)))
          from changed, old
        )
        select jsonb_build_object('desired', ${sql.literal(desiredRow("changed"))}, 'stale', false) as row from changed
        union all
        select jsonb_build_object('desired', ${sql.literal(desiredRow("old"))}, 'stale', old.stale)
        from old where not exists (select from changed)`
        ).pipe(Effect.flatMap(decodeChanged))
      ).pipe(
        Effect.flatMap(({ desired, stale }) =>
          stale
            ? Effect.fail(new StaleGeneration({ repository, generation: desired.generation }))
            : Effect.succeed(desired)
        )
      )
    },

    endHold: (fence, repository, generation) =>
      storeCall(
        "StateStore.endHold",
        // Of the generation that was decided on: what a person set since stands. It raises none: an attempt that is
        // decided with the hold over must still be allowed to be sent (S15).
        sql`
        with fence as (${standing(sql, fence)}), old as (
          select r.name, r.hold from repository r, fence
          where r.name = ${repository} and r.generation = ${generation} and r.hold is not null for no key update of r
        ), ended as (
          update repository r set hold = null from old where r.name = old.name returning r.name
        )
        insert into audit (who, action, repository, before)
        select 'registrywatcher', 'hold ended', name, jsonb_build_object('hold', old.hold) from ended join old using (name)
        returning true as yes`.pipe(Effect.map(isYes))
      ),

    closeRequest: (fence, repository, generation) =>
      storeCall(
        "StateStore.closeRequest",
        sql`
        with fence as (${standing(sql, fence)}), closed as (
          update repository r set ${sql.literal(noRequest)}
          from fence
          where r.name = ${repository} and r.requested_generation = ${generation}
          returning r.name
        )
        insert into audit (who, action, repository, why)
        select 'registrywatcher', 'request closed', name, 'its target is what the job has or gets' from closed`
      ).pipe(Effect.asVoid),

    setBaseline: (fence, repository, { tag, digest, ofAll, raiseTo }) =>
      storeCall(
        "StateStore.setBaseline",
        sql`
        with fence as (${standing(sql, fence)})
        update repository r set
          baseline_tag = ${tag}::text, baseline_digest = ${digest}::text, baseline_at = now(),
          baseline_all_at = case when ${ofAll} then now() end,
          high_water_mark = coalesce(${raiseTo}::text, r.high_water_mark)
        from fence where r.name = ${repository}`
      ).pipe(Effect.asVoid)
  }
}

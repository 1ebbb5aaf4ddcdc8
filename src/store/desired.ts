import type { PgClient } from "@effect/sql-pg"
import { Effect, Schema } from "effect"
import { Desired, Hold, type PinnedTag } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { RequestKind } from "../domain/RequestKind.ts"
import type { Tag } from "../domain/Tag.ts"
import { standing } from "./fence.ts"
import type { Fence } from "./Leader.ts"
import { decodeRow, desiredRow, encodeJson, isYes } from "./rows.ts"
import { StaleGeneration } from "./StaleGeneration.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

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

/** A person's change of desired state; a key that is left out stays as it is. */
export interface DesiredChange {
  readonly repository: RepositoryName
  readonly pinnedTag?: PinnedTag
  readonly autoDeploy?: boolean
  /** Null lifts it. */
  readonly hold?: Hold | null
  /** Opens a request of this kind, replacing an open one wholly; left out beside a `pinnedTag`, an open one is dropped. */
  readonly request?: RequestKind
  /** What the request names: always for a rollback, with its digest; for a redeploy the tag. */
  readonly requestTag?: Tag
  /**
   * Of a redeploy or a pin: the digest that the tag had when it was asked for, null where nobody could tell. An attempt
   * at both that was open by then answers the request.
   */
  readonly requestDigest?: Digest | null
  /** Lifts the quarantine of this digest (a pin or a redeploy that names the tag). */
  readonly lift?: Digest
  /** The generation that was shown to the person (If-Match); of another one nothing is changed. */
  readonly expected?: number
  /** The suspect listing since then, of which the person was told, is accepted: a reset goes by it (S9). */
  readonly trust?: Date
  /** Principal for the audit, `anonymous` where no tokens exist; with the peer's address. */
  readonly by: string
  readonly from: string
}

/** What the job was seen to run, and is accounted to run from now on. */
export interface SeenBaseline {
  /** Of several tasks that differ the highest one's. */
  readonly tag: Tag | null
  readonly digest: Digest | null
  /** Every mapped task runs it, as far as is known: each is held against it from now on. */
  readonly ofAll: boolean
}

/** What the owners want: the rows of `repository`. */
export interface DesiredCalls {
  desired(repository: RepositoryName): Effect.Effect<Desired, StoreError>
  /** Every repository's generation, by one cheap statement: whose desired state changed. */
  readonly generations: Effect.Effect<ReadonlyMap<RepositoryName, number>, StoreError>
  /** Commits, keeps the predecessor's table in step, audits, and notifies the leader; answers the new row. */
  change(change: DesiredChange): Effect.Effect<Desired, StoreError | StaleGeneration>
  /** Drops a hold that is over, if the generation still is the one that it was seen in; raises none. */
  endHold(fence: Fence, repository: RepositoryName, generation: number): Effect.Effect<boolean, StoreError>
  /** Closes the request of `generation` without an attempt, if it is still the open one. */
  closeRequest(fence: Fence, repository: RepositoryName, generation: number): Effect.Effect<void, StoreError>
  /** First sight, or a new baseline of the same tag (S20); `baseline_at` moves even where the image stays. */
  setBaseline(
    fence: Fence,
    repository: RepositoryName,
    seen: SeenBaseline & { readonly raiseTo: Tag | null }
  ): Effect.Effect<void, StoreError>
}

export const desired = (sql: PgClient.PgClient): DesiredCalls => {
  return {
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

import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { AttemptId, AttemptReason, AttemptState } from "../domain/Attempt.ts"
import type { Digest } from "../domain/Digest.ts"
import type { JobRef } from "../domain/JobRef.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { RequestKind } from "../domain/RequestKind.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Target } from "../domain/Target.ts"
import { noRequest } from "./desired.ts"
import { repositoryOf, standing } from "./fence.ts"
import type { Fence } from "./Leader.ts"
import { isYes } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

/** From which states each end of `move` is reached (`design.md` §6). */
const sources: Record<
  Parameters<AttemptCalls["move"]>[2],
  ReadonlyArray<Extract<AttemptState, "intended" | "submitted" | "unknown">>
> = {
  aborted: ["intended"],
  intended: ["submitted", "unknown"],
  unknown: ["submitted"],
  rejected: ["submitted"],
  conflict: ["submitted", "unknown"],
  lost: ["unknown"]
}

/** What an attempt is made of before its row exists. */
export interface Intent {
  readonly id: AttemptId
  readonly repository: RepositoryName
  readonly job: JobRef
  readonly generation: number
  readonly reason: AttemptReason
  /** Of the request that it answers, where `reason` is `requested`. */
  readonly request: { readonly kind: RequestKind; readonly by: string } | null
  readonly from: { readonly tag: Tag | null; readonly digest: Digest | null }
  readonly to: Target
  readonly imageSent: string
  readonly jobHash: string
  /** Of the config entry: what Nomad refused is tried again under another one (rule 16). */
  readonly fingerprint: string
  readonly baseIndex: number
  readonly baseVersion: number
}

/** An attempt from its intent until Nomad's word is known. Each edge is one statement, conditional on the fence (S1). */
export interface AttemptCalls {
  /** The row before the effect (S7). False: the fence is gone, or the job has an open attempt (S1). */
  intend(fence: Fence, intent: Intent): Effect.Effect<boolean, StoreError>
  /** `intended → submitted`, only with this fence, the attempt's generation and its permission still standing (S15). */
  submit(fence: Fence, attempt: AttemptId): Effect.Effect<boolean, StoreError>
  /**
   * Open `→ accepted`: closes the attempt's request, sets the baseline to its target and, where it was requested,
   * the high-water mark.
   */
  accept(
    fence: Fence,
    attempt: AttemptId,
    nomad: {
      readonly nomadIndex: number
      readonly nomadVersion: number | null
      readonly evalId: string | null
    }
  ): Effect.Effect<boolean, StoreError>
  /** Any other edge from an open state (`design.md` §6); `rejected` closes the request. */
  move(
    fence: Fence,
    attempt: AttemptId,
    to: Extract<AttemptState, "intended" | "unknown" | "conflict" | "rejected" | "lost" | "aborted">,
    words: string
  ): Effect.Effect<boolean, StoreError>
  /** Milliseconds since `submitted_at`, by Postgres's clock. */
  age(attempt: AttemptId): Effect.Effect<number, StoreError>
}

export const attempts = (sql: PgClient.PgClient): AttemptCalls => {
  // The request that the attempt answers: its own, not one that was opened after it was intended; or any for its target.
  const answers = sql.literal(`((a.reason = 'requested' and r.requested_generation <= a.generation)
    or (r.request_tag = a.to_tag and r.request_digest = a.to_digest))`)

  return {
    intend: (fence, { id, repository, job, generation, reason, request, from, to, ...sent }) =>
      storeCall(
        "StateStore.intend",
        sql`
          with fence as (${standing(sql, fence)})
          insert into attempt (
            id, repository, region, namespace, job, generation, reason, request_kind, requested_by,
            from_tag, from_digest, to_tag, to_digest, image_sent, job_hash, fingerprint, base_index, base_version, epoch, holder, state)
          select ${id}::uuid, ${repository}, ${job.region}, ${job.namespace}, ${job.job}, ${generation}, ${reason},
            ${request?.kind ?? null}::text, ${request?.by ?? null}::text, ${from.tag}::text, ${from.digest}::text, ${to.tag}, ${to.digest},
            ${sent.imageSent}, ${sent.jobHash}, ${sent.fingerprint}, ${sent.baseIndex}, ${sent.baseVersion}, epoch, holder, 'intended'
          from fence
          on conflict do nothing
          returning true as yes`.pipe(Effect.map(isYes))
      ),

    submit: (fence, attempt) =>
      storeCall(
        "StateStore.submit",
        // `for share of r`: a switch-off that commits first is seen, one that comes later finds it submitted (S13).
        sql`
          with fence as (${standing(sql, fence)}), permitted as (
            select a.id from attempt a join repository r on r.name = a.repository
            where a.id = ${attempt}::uuid and r.generation = a.generation and (r.auto_deploy or ${answers})
            for share of r
          )
          update attempt a set state = 'submitted', submitted_at = clock_timestamp(), changed_at = now()
          from fence, permitted
          where a.id = permitted.id and a.state = 'intended' and a.epoch = fence.epoch and a.holder = fence.holder
          returning true as yes`.pipe(Effect.map(isYes))
      ),

    accept: (fence, attempt, { nomadIndex, nomadVersion, evalId }) =>
      storeCall(
        "StateStore.accept",
        sql`
          with fence as (${standing(sql, fence)}), own as (${repositoryOf(sql, attempt)}), accepted as (
            update attempt a set
              state = 'accepted', phase = 'rolling', accepted_at = now(), changed_at = now(),
              epoch = fence.epoch, holder = fence.holder,
              mark_before = own.high_water_mark,
              words = null, nomad_index = ${nomadIndex}, nomad_version = ${nomadVersion}::bigint, eval_id = ${evalId}::text
            from fence, own
            where a.id = ${attempt}::uuid and a.state in ('submitted', 'unknown')
            returning a.*
          ), accounted as (
            update repository r set
              baseline_tag = a.to_tag, baseline_digest = a.to_digest, baseline_at = now(),
              high_water_mark = case when a.reason = 'requested' or ${answers} then a.to_tag else r.high_water_mark end,
              requested_generation = case when ${answers} then null else r.requested_generation end,
              request_kind = case when ${answers} then null else r.request_kind end,
              requested_by = case when ${answers} then null else r.requested_by end,
              request_tag = case when ${answers} then null else r.request_tag end,
              request_digest = case when ${answers} then null else r.request_digest end,
              abandoned = nullif(r.abandoned, a.id)
            -- In the job that the repository is mapped to now: another job's baseline is not its own (S20).
            from accepted a where r.name = a.repository
              and coalesce(r.mapped_to::jsonb = jsonb_build_array(a.region, a.namespace, a.job), true)
          )
          select true as yes from accepted`.pipe(Effect.map(isYes))
      ),

    move: (fence, attempt, to, words) =>
      storeCall(
        "StateStore.move",
        sql`
          with fence as (${standing(sql, fence)}), own as (${repositoryOf(sql, attempt)}), moved as (
            update attempt a set
              state = ${to}, words = ${words}, changed_at = now(),
              ended_at = case when ${to} in ('intended', 'unknown') then null else now() end,
              epoch = fence.epoch, holder = fence.holder
            from fence, own
            where a.id = ${attempt}::uuid and a.state = any(${sources[to]}::text[])
            returning a.*
          ), closed as (
            update repository r set ${sql.literal(noRequest)}
            from moved a where r.name = a.repository and a.state = 'rejected' and ${answers}
          ), given_up as (
            -- Only by an end: a person may give up what still goes on to be unknown.
            update repository r set abandoned = null from moved a
            where r.abandoned = a.id and a.state in ('conflict', 'lost', 'aborted')
          )
          select true as yes from moved`.pipe(Effect.map(isYes))
      ),

    age: (attempt) =>
      storeCall(
        "StateStore.age",
        sql<{ readonly age: number }>`
          select (extract(epoch from clock_timestamp() - coalesce(submitted_at, created_at)) * 1000)::float8 as age
          from attempt where id = ${attempt}::uuid`.pipe(Effect.map(([row]) => row?.age ?? 0))
      )
  }
}

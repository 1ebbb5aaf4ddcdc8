import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { Attempt, type AttemptId, type Phase } from "../domain/Attempt.ts"
import type { Blame } from "../domain/Blame.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Tag } from "../domain/Tag.ts"
import type { SeenBaseline } from "./desired.ts"
import { repositoryOf, standing } from "./fence.ts"
import type { Fence } from "./Leader.ts"
import { decodeRows, isYes, rowOf } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"
import { unwanted } from "./unwanted.ts"

const decodeAttempts = decodeRows(Attempt)

// S11: a digest that failed for no fault of its own is tried again so often, after so long, doubled each time.
const retries = 3
const firstQuarantine = "15 minutes"
const longestQuarantine = "4 hours"

const isBad = (outcome: Ending["outcome"]): boolean => outcome === "failed" || outcome === "reverted"

/** How a rollout ended, and what follows from it in the same transaction. */
export interface Ending {
  readonly attempt: AttemptId
  readonly outcome: "succeeded" | "failed" | "reverted" | "superseded"
  readonly words: string
  readonly nomadVersion: number | null
  readonly deploymentId: string | null
  /**
   * Whose fault, where it `failed` or was `reverted` (S11). `image` quarantines the digest until another one or a
   * person; `surroundings` and `unknown` for 15 minutes, doubled each time, three times; `others` not at all if a
   * repository beside it was to blame, else as `unknown`.
   */
  readonly blame: Blame | null
  /** `superseded` by Nomad's own rollback (T16): the request that the attempt answered opens again. */
  readonly swallowed: boolean
  /** The job's image is now this one, by Nomad's own rollback; left alone where a later attempt of ours holds. */
  readonly baseline: SeenBaseline | null
  /** Raises the high-water mark to the attempt's tag if it still is `over`: a pin or a request may have set it since. */
  readonly raise: { readonly over: Tag | null } | null
}

/** Accepted attempts until their outcome, and what a new holder finds. */
export interface RolloutCalls {
  /** Aborts every `intended` attempt of another holder; answers the open and the rolling attempts that are left. */
  takeOver(fence: Fence): Effect.Effect<ReadonlyArray<Attempt>, StoreError>
  setPhase(
    fence: Fence,
    attempt: AttemptId,
    rollout: {
      readonly phase: Phase
      readonly words: string
      readonly nomadVersion: number | null
      readonly deploymentId: string | null
    }
  ): Effect.Effect<boolean, StoreError>
  /**
   * The outcome of an accepted attempt, and all that follows from it: baseline, high-water mark, quarantine (lifted
   * where it succeeded), and its request, which opens again where a rollback undid it for no fault of its own.
   */
  end(fence: Fence, ending: Ending): Effect.Effect<boolean, StoreError>
  /** Newest first; `before`: only those that came before this one. */
  attempts(
    repository: RepositoryName,
    limit: number,
    before?: AttemptId | null
  ): Effect.Effect<ReadonlyArray<Attempt>, StoreError>
}

export const rollouts = (sql: PgClient.PgClient): RolloutCalls => {
  const row = sql.literal(rowOf(Attempt, "a"))
  const isUnwanted = sql.literal(unwanted("ended"))
  // Of the row as it is when it is locked: a request that a person opens meanwhile stands.
  const reopens = sql.literal("(undone and r.requested_generation is null)")
  // What failed never was the highest that succeeded, although a person asked for it (S8).
  const lowers = sql.literal("(may_lower and r.high_water_mark = told.to_tag)")
  const raisesOver = (over: Tag | null) =>
    sql`(may_raise and r.high_water_mark is not distinct from ${over}::text)`

  return {
    takeOver: (fence) =>
      storeCall(
        "StateStore.takeOver",
        sql`
          with fence as (${standing(sql, fence)}), aborted as (
            update attempt a set
              state = 'aborted', words = 'its holder is gone', changed_at = now(), ended_at = now()
            from fence
            where a.state = 'intended' and (a.epoch, a.holder) is distinct from (fence.epoch, fence.holder)
            returning a.id
          )
          select ${row} as row from attempt a, fence
          where a.state in ('intended', 'submitted', 'unknown', 'accepted')
            and not exists (select from aborted where aborted.id = a.id)
          order by a.seq`.pipe(Effect.flatMap(decodeAttempts))
      ),

    setPhase: (fence, attempt, { phase, words, nomadVersion, deploymentId }) =>
      storeCall(
        "StateStore.setPhase",
        // Asked every two seconds while a rollout is followed, and written only when it moved.
        sql`
          with fence as (${standing(sql, fence)}), rolling as (
            select a.id from attempt a, fence where a.id = ${attempt}::uuid and a.state = 'accepted'
          ), moved as (
            update attempt a set
              phase = ${phase}, words = ${words}, changed_at = now(),
              nomad_version = ${nomadVersion}::bigint, deployment_id = ${deploymentId}::text,
              canaries = case when ${phase === "awaiting_promotion"} then a.canaries end,
              canaries_since = case when ${phase === "awaiting_promotion"} then a.canaries_since end
            from rolling
            where a.id = rolling.id and a.state = 'accepted'
              and (a.phase, a.words, a.nomad_version, a.deployment_id)
                is distinct from (${phase}::text, ${words}::text, ${nomadVersion}::bigint, ${deploymentId}::text)
          )
          select true as yes from rolling`.pipe(Effect.map(isYes))
      ),

    end: (
      fence,
      { attempt, outcome, words, nomadVersion, deploymentId, blame, swallowed, baseline, raise }
    ) =>
      storeCall(
        "StateStore.end",
        sql`
          with fence as (${standing(sql, fence)}), own as (${repositoryOf(sql, attempt)}), taken_along as (
            -- By a person, who failed the same deployment for another repository of the job: what that says is said of it.
            select b.repository, b.ordered_by
            from attempt a join attempt b on (b.region, b.namespace, b.job) = (a.region, a.namespace, a.job)
            where ${isBad(outcome) && blame !== "image"} and a.id = ${attempt}::uuid and b.repository <> a.repository
              and b.ordered = 'fail' and b.ordered_deployment = coalesce(${deploymentId}::text, a.deployment_id)
            limit 1
          ), ended as (
            update attempt a set
              state = ${outcome}, phase = null, changed_at = now(), ended_at = now(),
              epoch = fence.epoch, holder = fence.holder,
              words = ${words} || coalesce((
                select format('; %s failed the rollout of %s, and this one with it', ordered_by, repository)
                from taken_along), ''),
              blame = case when exists (select from taken_along) then 'others' else ${blame}::text end,
              nomad_version = coalesce(${nomadVersion}::bigint, a.nomad_version),
              deployment_id = coalesce(${deploymentId}::text, a.deployment_id)
            from fence, own
            where a.id = ${attempt}::uuid and a.state = 'accepted'
            returning a.*
          ), later as (
            select coalesce(bool_or(b.accepted_at is not null and b.state <> 'superseded'), false) as any,
              coalesce(bool_or(b.accepted_at is not null and b.reason = 'requested'), false) as requested,
              coalesce(bool_or(b.state = 'rejected' and b.reason = 'requested'), false) as refused
            from ended join attempt b on b.repository = ended.repository and b.seq > ended.seq
          ), spared as (
            -- Another repository of the job was to blame.
            select from taken_along
            union all
            select from ended
            where ended.blame = 'others' and exists (
              select from attempt b
              where (b.region, b.namespace, b.job) = (ended.region, ended.namespace, ended.job)
                and b.repository <> ended.repository and b.blame <> 'others' and b.ended_at >= ended.accepted_at)
          ), quarantined as (
            insert into quarantine as q (repository, digest, why, until, failures)
            select repository, to_digest, ${words},
              case when ${blame !== "image"} then now() + ${firstQuarantine}::interval end,
              ${blame === "image" ? 0 : 1}
            from ended where ${isBad(outcome)} and not exists (select from spared)
            -- The right sides are of before; what is kept for the image's fault stays so.
            on conflict (repository, digest) do update set
              why = excluded.why, since = excluded.since,
              until = case when q.failures between 1 and ${retries - 1} and excluded.failures > 0
                then now() + least(${longestQuarantine}::interval, ${firstQuarantine}::interval * 2 ^ q.failures) end,
              failures = case when q.failures > 0 and excluded.failures > 0 then q.failures + 1 else 0 end
          ), lifted as (
            delete from quarantine q using ended
            where ${outcome === "succeeded"} and q.repository = ended.repository and q.digest = ended.to_digest
              -- Who failed it does not want it, although that came too late.
              and not ${isUnwanted}
          ), told as (
            select ended.*, ${baseline !== null} and not later.any as rebases, ${raise !== null} and not later.requested as may_raise,
              ${isBad(outcome)} and ended.mark_before is not null and not later.requested as may_lower,
              (${swallowed} or exists (select from spared)) and ended.request_kind is not null
                and not ${isUnwanted} and not later.any and not later.refused as undone
            from ended, later
          ), accounted as (
            update repository r set
              baseline_tag = case when rebases then ${baseline?.tag ?? null}::text else r.baseline_tag end,
              baseline_digest = case when rebases then ${baseline?.digest ?? null}::text else r.baseline_digest end,
              baseline_at = case when rebases then now() else r.baseline_at end,
              baseline_all_at = case when rebases and ${baseline?.ofAll === true} then now() else r.baseline_all_at end,
              high_water_mark = case when ${raisesOver(raise?.over ?? null)} then told.to_tag
                when ${lowers} then told.mark_before else r.high_water_mark end,
              requested_generation = case when ${reopens} then told.generation else r.requested_generation end,
              request_kind = case when ${reopens} then told.request_kind else r.request_kind end,
              requested_by = case when ${reopens} then told.requested_by else r.requested_by end,
              request_tag = case when ${reopens} and told.request_kind in ('redeploy', 'rollback')
                then told.to_tag else r.request_tag end,
              request_digest = case when ${reopens} and told.request_kind = 'rollback'
                then told.to_digest else r.request_digest end
            from told
            where r.name = told.repository and (rebases or ${raisesOver(raise?.over ?? null)} or ${lowers} or undone)
            returning r.name, undone and r.requested_generation = told.generation as reopened
          ), audited as (
            insert into audit (who, action, repository, attempt, why)
            select 'registrywatcher', 'request opened again', name, ${attempt}::uuid,
              'Nomad''s rollback took its attempt along'
            from accounted where reopened
          )
          select true as yes from ended`.pipe(Effect.map(isYes))
      ),

    attempts: (repository, limit, before = null) =>
      storeCall(
        "StateStore.attempts",
        sql`
          select ${row} as row from attempt a
          where a.repository = ${repository}
            and (${before}::uuid is null or a.seq < (select seq from attempt where id = ${before}::uuid))
          order by a.seq desc limit ${limit}`.pipe(Effect.flatMap(decodeAttempts))
      )
  }
}

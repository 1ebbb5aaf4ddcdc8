import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { Attempt } from "../domain/Attempt.ts"
import { standing } from "./fence.ts"
import { decodeRows, isYes, rowOf } from "./rows.ts"
import type { StateStore } from "./StateStore.ts"
import { storeCall } from "./storeCall.ts"

const decodeAttempts = decodeRows(Attempt)

/** Accepted attempts until their outcome, and what a new holder finds. */
export const rollouts = (
  sql: PgClient.PgClient
): Pick<StateStore["Service"], "takeOver" | "setPhase" | "end" | "attempts"> => {
  const row = sql.literal(rowOf(Attempt, "a"))

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
              nomad_version = ${nomadVersion}::bigint, deployment_id = ${deploymentId}::text
            from rolling
            where a.id = rolling.id and a.state = 'accepted'
              and (a.phase, a.words, a.nomad_version, a.deployment_id)
                is distinct from (${phase}::text, ${words}::text, ${nomadVersion}::bigint, ${deploymentId}::text)
          )
          select true as yes from rolling`.pipe(Effect.map(isYes))
      ),

    end: (fence, { attempt, outcome, words, nomadVersion, deploymentId, quarantine, baseline, raise }) =>
      storeCall(
        "StateStore.end",
        sql`
          with fence as (${standing(sql, fence)}), ended as (
            update attempt a set
              state = ${outcome}, phase = null, words = ${words}, changed_at = now(), ended_at = now(),
              epoch = fence.epoch, holder = fence.holder,
              nomad_version = coalesce(${nomadVersion}::bigint, a.nomad_version),
              deployment_id = coalesce(${deploymentId}::text, a.deployment_id)
            from fence
            where a.id = ${attempt}::uuid and a.state = 'accepted'
            returning a.*
          ), quarantined as (
            insert into quarantine (repository, digest, why, until)
            select repository, to_digest, ${quarantine?.why ?? null}::text, ${quarantine?.until ?? null}::timestamptz
            from ended where ${quarantine !== null}
            on conflict (repository, digest)
              do update set why = excluded.why, since = excluded.since, until = excluded.until
          ), later as (
            select coalesce(bool_or(b.state <> 'superseded'), false) as any,
              coalesce(bool_or(b.reason = 'requested'), false) as requested
            from ended join attempt b on b.repository = ended.repository and b.seq > ended.seq
            where b.accepted_at is not null
          ), told as (
            select ended.*, ${baseline !== null} and not later.any as rebases, ${raise} and not later.requested as raises
            from ended, later
          ), accounted as (
            update repository r set
              baseline_tag = case when rebases then ${baseline?.tag ?? null}::text else r.baseline_tag end,
              baseline_digest = case when rebases then ${baseline?.digest ?? null}::text else r.baseline_digest end,
              baseline_at = case when rebases then now() else r.baseline_at end,
              high_water_mark = case when raises then told.to_tag else r.high_water_mark end
            from told where r.name = told.repository and (rebases or raises)
          )
          select true as yes from ended`.pipe(Effect.map(isYes))
      ),

    attempts: (repository, limit) =>
      storeCall(
        "StateStore.attempts",
        sql`
          select ${row} as row from attempt a
          where a.repository = ${repository} order by a.seq desc limit ${limit}`.pipe(
          Effect.flatMap(decodeAttempts)
        )
      )
  }
}

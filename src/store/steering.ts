import type { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Schema } from "effect"
import { Attempt, type AttemptId, type RolloutOrder } from "../domain/Attempt.ts"
import { Canaries } from "../domain/Canaries.ts"
import { Desired } from "../domain/Desired.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { standing } from "./fence.ts"
import type { Fence } from "./Leader.ts"
import { decodeRow, decodeRows, desiredRow, encodeJson, isYes, rowOf } from "./rows.ts"
import { StaleGeneration } from "./StaleGeneration.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"
import { unwanted } from "./unwanted.ts"

const decodeAttempts = decodeRows(Attempt)
const encodeCanaries = encodeJson(Schema.NullOr(Canaries))
const decodeOrdered = decodeRow(
  Schema.Struct({ desired: Desired, stale: Schema.Boolean, ordered: Schema.Boolean })
)

/** Nobody ordered anything, and nothing was sent. */
const nothingOrdered = `ordered = null, ordered_by = null, ordered_why = null, ordered_deployment = null,
  order_sent_at = null, order_done_at = null`

/** In the audit: `promotion sent`, `failing not taken by Nomad`. */
const nounOf = (order: RolloutOrder): string => (order === "promote" ? "promotion" : "failing")
const notTaken = (order: RolloutOrder): string => `${nounOf(order)} not taken by Nomad`
const refused = (order: RolloutOrder): string => `${order} refused by Nomad`

/** The promotion and the failing of rollouts: what a person orders, and what the leader did about it. */
export interface SteeringCalls {
  /**
   * A person's word on a rollout that goes on: commits, audits and notifies the leader. Failing it quarantines its
   * digest at once. `ordered` false: it can not be, as things stand, and nothing was changed.
   */
  orderRollout(order: {
    readonly repository: RepositoryName
    readonly attempt: AttemptId
    readonly order: RolloutOrder
    readonly why?: string
    readonly expected?: number
    readonly by: string
    readonly from: string
  }): Effect.Effect<{ readonly desired: Desired; readonly ordered: boolean }, StoreError | StaleGeneration>
  /**
   * What was read of an attempt's canaries (null: they do not wait for promotion); the time of their soak goes on
   * while they are the same. Answers the row as it is then; null: the fence is gone.
   */
  saveCanaries(
    fence: Fence,
    attempt: AttemptId,
    canaries: Canaries | null
  ): Effect.Effect<Attempt | null, StoreError>
  /**
   * Before a promotion or a failing is sent (S7): only with this fence, the very deployment, the generation that it
   * was decided on, and nothing under way since less than `life`. `isOrdered`: by a person, whose order still stands.
   */
  sendOrder(
    fence: Fence,
    send: {
      readonly attempt: AttemptId
      readonly order: RolloutOrder
      readonly deployment: string
      readonly isOrdered: boolean
      readonly generation: number
      readonly life: Duration.Duration
    }
  ): Effect.Effect<boolean, StoreError>
  /**
   * What Nomad's answer to it proves, in the audit where that is not what it said before. Refused, the order stands no
   * more, is kept with Nomad's words for people, and canaries begin their soak anew.
   */
  orderAnswered(
    fence: Fence,
    answered: {
      readonly attempt: AttemptId
      readonly order: RolloutOrder
      readonly deployment: string
      readonly answer: "Done" | "Refused" | "NotApplied"
      readonly words: string
    }
  ): Effect.Effect<boolean, StoreError>
}

export const steering = (sql: PgClient.PgClient): SteeringCalls => {
  const row = sql.literal(rowOf(Attempt, "a"))
  const isUnwanted = sql.literal(unwanted("a"))
  /** What was said of it last: sent again, and not taken again in the same words, it stands in the audit once. */
  const lastSaid = (attempt: AttemptId) => sql`
    select e.action, e.why, e.after ->> 'deployment' as deployment
    from attempt a join audit e on e.repository = a.repository and e.attempt = a.id
    where a.id = ${attempt}::uuid order by e.id desc limit 1`

  return {
    orderRollout: ({ repository, attempt, order, why = null, expected = null, by, from }) =>
      storeCall(
        "StateStore.orderRollout",
        // A failing rollout is not promoted; one that is being promoted may still be failed.
        sql`
        with old as (
          select *, generation <> coalesce(${expected}::bigint, generation) as stale
          from repository where name = ${repository} for no key update
        ), ordered as (
          update attempt a set
            ordered = ${order}, ordered_by = ${by}, ordered_why = ${why}::text, ordered_deployment = a.deployment_id,
            order_sent_at = null, order_done_at = null, order_refused = null
          from old
          where a.id = ${attempt}::uuid and a.repository = old.name and not old.stale
            and a.state = 'accepted' and a.deployment_id is not null
            and case when ${order === "promote"}
              then a.phase = 'awaiting_promotion' and coalesce((a.canaries ->> 'ended')::int, 0) = 0
                and (a.ordered_deployment is distinct from a.deployment_id or (a.ordered is null and a.order_sent_at is null))
              else (a.ordered, a.ordered_deployment) is distinct from ('fail', a.deployment_id) end
          returning a.*
        ), changed as (
          update repository r set generation = r.generation + 1, updated_by = ${by}, updated_at = now()
          from ordered where r.name = ordered.repository
          returning r.*
        ), quarantined as (
          -- At once: should a newer version take its place before it fails, it is not wanted either (S11).
          insert into quarantine as q (repository, digest, why, until, failures)
          select repository, to_digest, ${`failed by ${by}${why === null ? "" : `: ${why}`}`}, null, 0
          from ordered where ${order === "fail"}
          on conflict (repository, digest) do update set
            why = excluded.why, since = excluded.since, until = null, failures = 0
        ), audited as (
          insert into audit (who, address, action, repository, attempt, after, why)
          select ${by}, ${from}, ${order === "promote" ? "promotion ordered" : "rollout failed"}, a.repository, a.id,
            jsonb_build_object('tag', a.to_tag, 'digest', a.to_digest, 'deployment', a.deployment_id,
              'generation', changed.generation), ${why}::text
          from ordered a, changed
        )
        select jsonb_build_object('desired', ${sql.literal(desiredRow("changed"))}, 'stale', false, 'ordered', true) as row
        from changed
        union all
        select jsonb_build_object('desired', ${sql.literal(desiredRow("old"))}, 'stale', old.stale, 'ordered', false)
        from old where not exists (select from changed)`.pipe(Effect.flatMap(decodeOrdered))
      ).pipe(
        Effect.flatMap(({ desired, stale, ordered }) =>
          stale
            ? Effect.fail(new StaleGeneration({ repository, generation: desired.generation }))
            : Effect.succeed({ desired, ordered })
        )
      ),

    saveCanaries: (fence, attempt, canaries) =>
      storeCall(
        "StateStore.saveCanaries",
        Effect.flatMap(encodeCanaries(canaries), (json) => {
          const read = json === null ? null : sql.json(json)
          const run = canaries?.run ?? null
          // What was healthy before and is the same goes on to be healthy since then, whoever leads; all else begins anew.
          return sql`
            with fence as (${standing(sql, fence)}), saved as (
              update attempt a set
                canaries = ${read}::jsonb,
                canaries_since = case
                  when ${run}::text is null then null
                  when (a.canaries ->> 'run', a.canaries ->> 'deployment')
                    is not distinct from (${run}::text, ${canaries?.deployment ?? null}::text) then a.canaries_since
                  else clock_timestamp() end
              from fence
              where a.id = ${attempt}::uuid and a.state = 'accepted' and a.canaries is distinct from ${read}::jsonb
              returning a.*
            )
            select ${row} as row from saved a
            union all
            select ${row} from attempt a, fence
            where a.id = ${attempt}::uuid and not exists (select from saved)`
        }).pipe(
          Effect.flatMap(decodeAttempts),
          Effect.map(([saved]) => saved ?? null)
        )
      ),

    sendOrder: (fence, { attempt, order, deployment, isOrdered, generation, life }) =>
      storeCall(
        "StateStore.sendOrder",
        // `for share of r`: what a person changes that commits first is seen. One that may be under way still is not sent
        // again before it can not be any more (S6), and what is done never.
        sql`
        with fence as (${standing(sql, fence)}), permitted as (
          select a.id from attempt a join repository r on r.name = a.repository
          where a.id = ${attempt}::uuid and r.generation = ${generation}
          for share of r
        ), sent as (
          update attempt a set
            order_sent_at = clock_timestamp(), order_done_at = null, ordered_deployment = ${deployment},
            ordered = case when ${isOrdered} then a.ordered end,
            ordered_by = case when ${isOrdered} then a.ordered_by end,
            ordered_why = case when ${isOrdered} then a.ordered_why end,
            epoch = fence.epoch, holder = fence.holder
          from fence, permitted
          where a.id = permitted.id and a.state = 'accepted' and a.deployment_id = ${deployment}
            and case when ${isOrdered} then (a.ordered, a.ordered_deployment) = (${order}, ${deployment})
              else (a.ordered is null or a.ordered_deployment <> ${deployment}) and not ${isUnwanted} end
            and (a.ordered_deployment is distinct from ${deployment}
              or (a.order_done_at is null and (a.order_sent_at is null
                or a.order_sent_at < clock_timestamp() - ${Duration.toMillis(life)}::float8 * interval '1 millisecond')))
          returning a.*
        ), last as (${lastSaid(attempt)}), audited as (
          insert into audit (who, action, repository, attempt, after, why)
          select 'registrywatcher', ${`${nounOf(order)} sent`}, repository, id,
            jsonb_build_object('tag', to_tag, 'digest', to_digest, 'deployment', ${deployment}::text),
            case when ${isOrdered} then 'ordered by ' || ordered_by else 'all canaries healthy since ' || canaries_since end
          from sent where not exists (
            select from last where action in (${notTaken(order)}, ${refused(order)}) and deployment = ${deployment})
        )
        select true as yes from sent`.pipe(Effect.map(isYes))
      ),

    orderAnswered: (fence, { attempt, order, deployment, answer, words }) => {
      // A person may have ordered something else meanwhile, which is not sent yet.
      const sent = sql`a.id = ${attempt}::uuid and a.state = 'accepted' and a.ordered_deployment = ${deployment}
        and coalesce(a.ordered, 'promote') = ${order} and a.order_sent_at is not null`
      return storeCall(
        "StateStore.orderAnswered",
        answer === "Done"
          ? sql`
            with fence as (${standing(sql, fence)}), last as (${lastSaid(attempt)}), done as (
              update attempt a set order_done_at = now(), order_refused = null from fence
              where ${sent}
              returning a.id, a.repository
            ), audited as (
              insert into audit (who, action, repository, attempt, after)
              select 'registrywatcher', ${`${nounOf(order)} taken by Nomad`}, repository, id,
                jsonb_build_object('deployment', ${deployment}::text)
              from done, last where last.action in (${notTaken(order)}, ${refused(order)})
            )
            select true as yes from done`
          : answer === "NotApplied"
            ? sql`
            with fence as (${standing(sql, fence)}), last as (${lastSaid(attempt)}), untaken as (
              update attempt a set order_sent_at = null from fence
              where ${sent}
              returning a.id, a.repository
            ), audited as (
              insert into audit (who, action, repository, attempt, after, why)
              select 'registrywatcher', ${notTaken(order)}, repository, id,
                jsonb_build_object('deployment', ${deployment}::text), ${words}
              from untaken where not exists (
                select from last
                where (action, deployment, why) = (${notTaken(order)}, ${deployment}::text, ${words}))
            )
            select true as yes from untaken`
            : sql`
            with fence as (${standing(sql, fence)}), last as (${lastSaid(attempt)}), refused as (
              update attempt a set ${sql.literal(nothingOrdered)}, canaries = null, canaries_since = null,
                order_refused = jsonb_build_object('order', ${order}::text, 'by', a.ordered_by, 'why', a.ordered_why,
                  'deployment', a.ordered_deployment, 'words', ${words}::text)
              from fence
              where ${sent}
              returning a.id, a.repository, a.order_refused ->> 'by' as ordered_by
            ), audited as (
              insert into audit (who, action, repository, attempt, after, why)
              select 'registrywatcher', ${refused(order)}, repository, id,
                jsonb_build_object('deployment', ${deployment}::text, 'orderedBy', ordered_by), ${words}
              from refused where not exists (
                select from last
                where (action, deployment, why) = (${refused(order)}, ${deployment}::text, ${words}))
            )
            select true as yes from refused`
      ).pipe(Effect.map(isYes))
    }
  }
}

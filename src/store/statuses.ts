import type { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Schema } from "effect"
import { Decision } from "../domain/Decision.ts"
import { Desired } from "../domain/Desired.ts"
import { Observed } from "../domain/Observed.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { decodeRows, desiredRow, encodeJson, isYes } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

const Status = Schema.Struct({
  desired: Desired,
  observed: Schema.NullOr(Observed),
  observedAt: Schema.NullOr(Schema.Date),
  decision: Schema.NullOr(Decision),
  decidedAt: Schema.NullOr(Schema.Date),
  checkedAt: Schema.NullOr(Schema.Date),
  readAt: Schema.Date
})
const decodeStatuses = decodeRows(Status)
const Count = Schema.Struct({
  decision: Schema.Literals(["InSync", "Deploy", "Follow", "Settle", "Wait", "Stall"]),
  reason: Schema.NullOr(Schema.String),
  count: Schema.Int
})
const decodeCounts = decodeRows(Count)
const encodeObserved = encodeJson(Observed)
const encodeDecision = encodeJson(Decision)

/** So many repositories stand at a decision of this kind and reason. */
export interface DecisionCount {
  readonly decision: Decision["_tag"]
  readonly reason: string | null
  readonly count: number
}

/** A repository's rows for people: what the API and the page show. */
export interface RepositoryStatus {
  readonly desired: Desired
  readonly observed: Observed | null
  readonly observedAt: Date | null
  readonly decision: Decision | null
  readonly decidedAt: Date | null
  readonly checkedAt: Date | null
  /** When this was read, by Postgres's clock. */
  readonly readAt: Date
}

/** What was observed and decided last, for people. */
export interface StatusCalls {
  saveObservation(repository: RepositoryName, observed: Observed): Effect.Effect<void, StoreError>
  /** True if it differs from the last one, which is then kept as history. */
  saveDecision(repository: RepositoryName, decision: Decision): Effect.Effect<boolean, StoreError>
  statuses(
    repositories: ReadonlyArray<RepositoryName>
  ): Effect.Effect<ReadonlyArray<RepositoryStatus>, StoreError>
  /**
   * A short text for each, another one whenever its desired state, view, observation or decision was written, or the
   * registry's last answer came to be older than `staleAfter`, or anew: for whoever asks again and again what changed.
   */
  revisions(
    repositories: ReadonlyArray<RepositoryName>,
    staleAfter: Duration.Duration
  ): Effect.Effect<ReadonlyMap<RepositoryName, string>, StoreError>
  /** How many of these stand at each decision, by its kind and reason; those without one are not counted. */
  decisionCounts(
    repositories: ReadonlyArray<RepositoryName>
  ): Effect.Effect<ReadonlyArray<DecisionCount>, StoreError>
}

export const statuses = (sql: PgClient.PgClient): StatusCalls => ({
  saveObservation: (repository, observed) =>
    storeCall(
      "StateStore.saveObservation",
      Effect.flatMap(encodeObserved(observed), (json) =>
        observed._tag === "Unread"
          ? sql`
              insert into observation (repository, unread, unread_at)
              select ${repository}, ${sql.json(json)}, now()
              where not exists (
                select from observation where repository = ${repository} and unread = ${sql.json(json)})
              on conflict (repository) do update set unread = excluded.unread, unread_at = excluded.unread_at`
          : sql`
              insert into observation (repository, observed, observed_at)
              select ${repository}, ${sql.json(json)}, now()
              where not exists (
                select from observation
                where repository = ${repository} and observed = ${sql.json(json)} and unread is null)
              on conflict (repository) do update set
                observed = excluded.observed, observed_at = excluded.observed_at, unread = null, unread_at = null`
      )
    ).pipe(Effect.asVoid),

  saveDecision: (repository, decision) =>
    storeCall(
      "StateStore.saveDecision",
      Effect.flatMap(
        encodeDecision(decision),
        (json) => sql`
          with old as (
            select decision, since from decision where repository = ${repository}
          ), decided as (
            insert into decision (repository, decision)
            select ${repository}, ${sql.json(json)} where not exists (select from old where decision = ${sql.json(json)})
            on conflict (repository) do update set decision = excluded.decision, since = excluded.since
            returning repository
          ), kept as (
            insert into decision_history (repository, decision, since)
            select repository, old.decision, old.since from decided, old
          ), forgotten as (
            delete from decision_history h using decided
            where h.repository = decided.repository and h.until < now() - interval '90 days'
          )
          select true as yes from decided`
      ).pipe(Effect.map(isYes))
    ),

  statuses: (repositories) =>
    storeCall(
      "StateStore.statuses",
      sql`
        select jsonb_build_object(
          'desired', ${sql.literal(desiredRow("r"))},
          'observed', coalesce(o.observed, o.unread), 'observedAt', coalesce(o.observed_at, o.unread_at),
          'decision', d.decision, 'decidedAt', d.since,
          'checkedAt', c.checked_at,
          'readAt', now()
        ) as row
        from repository r
        left join observation o on o.repository = r.name
        left join decision d on d.repository = r.name
        left join checked c on c.repository = r.name
        where r.name = any(${repositories}::text[])
        order by r.name`.pipe(Effect.flatMap(decodeStatuses))
    ),

  // Every write of a row leaves another xmin, whoever wrote it: the transaction's.
  revisions: (repositories, staleAfter) =>
    storeCall(
      "StateStore.revisions",
      sql<{ readonly name: RepositoryName; readonly revision: string }>`
        select r.name, concat_ws(' ', r.xmin, coalesce(v.xmin, '0'), coalesce(o.xmin, '0'), coalesce(d.xmin, '0'),
          coalesce(c.checked_at, v.taken_at) < now() - make_interval(secs => ${Duration.toSeconds(staleAfter)})) as revision
        from repository r
        left join repository_view v on v.repository = r.name
        left join observation o on o.repository = r.name
        left join decision d on d.repository = r.name
        left join checked c on c.repository = r.name
        where r.name = any(${repositories}::text[])`
    ).pipe(Effect.map((rows) => new Map(rows.map(({ name, revision }) => [name, revision])))),

  decisionCounts: (repositories) =>
    storeCall(
      "StateStore.decisionCounts",
      sql`
        select jsonb_build_object('decision', kind, 'reason', reason, 'count', count(*)) as row
        from (
          select decision->>'_tag' as kind, decision->>'reason' as reason from decision
          where repository = any(${repositories}::text[])
        ) decided
        group by kind, reason order by kind, reason`.pipe(Effect.flatMap(decodeCounts))
    )
})

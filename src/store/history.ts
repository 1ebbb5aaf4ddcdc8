import type { PgClient } from "@effect/sql-pg"
import { Array, Effect, Schema } from "effect"
import { Attempt, AttemptId } from "../domain/Attempt.ts"
import { Desired } from "../domain/Desired.ts"
import { Digest } from "../domain/Digest.ts"
import type { History } from "../domain/History.ts"
import type { JobRef } from "../domain/JobRef.ts"
import { RepositoryName } from "../domain/RepositoryName.ts"
import { Tag } from "../domain/Tag.ts"
import type { Target } from "../domain/Target.ts"
import { decodeRow, decodeRows, desiredRow, isYes, rowOf } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

/** What electing needs: the newest attempts that Nomad took, and the digests that failed. */
const Election = Schema.Struct({
  repository: RepositoryName,
  taken: Schema.Array(Schema.Struct({ toTag: Tag, fromTag: Schema.NullOr(Tag) })),
  baselineTag: Schema.NullOr(Tag),
  quarantine: Schema.Array(
    Schema.Struct({
      digest: Digest,
      why: Schema.String,
      until: Schema.NullOr(Schema.Date),
      failures: Schema.Int
    })
  )
})

const Remembered = Schema.Struct({
  desired: Desired,
  openAttempt: Schema.NullOr(Attempt),
  rolling: Schema.Array(Attempt),
  lastAccepted: Schema.NullOr(Attempt),
  lastRejected: Schema.NullOr(Attempt),
  election: Election,
  markers: Schema.Array(Schema.Struct({ id: AttemptId, tag: Tag, digest: Digest })),
  adopted: Schema.Array(AttemptId),
  foreignWritesLastHour: Schema.Int,
  readAt: Schema.Date
})

const decodeElections = decodeRows(Election)
const decodeRemembered = decodeRow(Remembered)

/** Newest first: what was deployed, what the first of them replaced, what the job is accounted to run. */
const ran = ({ taken, baselineTag }: typeof Election.Type): ReadonlyArray<Tag> => {
  const tags = [...taken.map(({ toTag }) => toTag), taken.at(-1)?.fromTag ?? null, baselineTag]
  return Array.dedupe(tags.filter((tag) => tag !== null))
}

/** Attempts that Nomad took, ended or not. */
const took = `a.state in ('accepted', 'succeeded', 'failed', 'reverted', 'superseded')`
const attempt = rowOf(Attempt, "a")
/** For `repository r`. Fifty attempts are further back than any rollback; rows are never pruned. */
const election = `jsonb_build_object(
  'repository', r.name,
  'baselineTag', r.baseline_tag,
  'taken', coalesce((select jsonb_agg(jsonb_build_object('toTag', a.to_tag, 'fromTag', a.from_tag) order by a.seq desc)
    from (select * from attempt a where a.repository = r.name and ${took} order by a.seq desc limit 50) a), '[]'),
  'quarantine', coalesce((select jsonb_agg(jsonb_build_object('digest', q.digest, 'why', q.why, 'until', q.until, 'failures', q.failures))
    from quarantine q where q.repository = r.name), '[]'))`

/** What Postgres remembers, as `decide` needs it. Quarantines that are over are answered too: `until` says so. */
export interface HistoryCalls {
  /**
   * Both of one moment: of a rollout that ends in between, one would have the baseline from before, and the other no
   * rollout that explains what runs (S12).
   */
  remembered(
    repository: RepositoryName,
    job: JobRef,
    markers: ReadonlyArray<AttemptId>
  ): Effect.Effect<{ readonly desired: Desired; readonly history: History }, StoreError>
  /** What electing needs of the histories of these, likewise in a fixed number of statements; an entry for each. */
  elections(
    repositories: ReadonlyArray<RepositoryName>
  ): Effect.Effect<ReadonlyMap<RepositoryName, Pick<History, "ran" | "quarantine">>, StoreError>
  /**
   * Somebody else set the job's images to these (S12). False where that was counted already: the last write that was
   * counted left the same ones, and the baseline is older.
   */
  countForeignWrite(
    repository: RepositoryName,
    job: JobRef,
    images: string,
    words: string
  ): Effect.Effect<boolean, StoreError>
}

export const history = (sql: PgClient.PgClient): HistoryCalls => ({
  remembered: (repository, { region, namespace, job }, markers) => {
    const ofJob = sql`a.region = ${region} and a.namespace = ${namespace} and a.job = ${job}`
    return storeCall(
      "StateStore.remembered",
      sql`
        select jsonb_build_object(
          'desired', ${sql.literal(desiredRow("r"))},
          'openAttempt', (select ${sql.literal(attempt)} from attempt a
            where ${ofJob} and a.state in ('intended', 'submitted', 'unknown')),
          'rolling', coalesce((select jsonb_agg(${sql.literal(attempt)} order by a.seq desc) from attempt a
            where ${ofJob} and a.state = 'accepted'), '[]'),
          'lastAccepted', (select ${sql.literal(attempt)} from attempt a
            where a.repository = r.name and ${sql.literal(took)} order by a.seq desc limit 1),
          'lastRejected', (select ${sql.literal(attempt)} from attempt a
            where a.repository = r.name and a.state = 'rejected' order by a.seq desc limit 1),
          'election', ${sql.literal(election)},
          'markers', coalesce((select jsonb_agg(jsonb_build_object('id', a.id, 'tag', a.to_tag, 'digest', a.to_digest))
            from attempt a where a.id = any(${markers}::uuid[])), '[]'),
          'adopted', coalesce((select jsonb_agg(m.marker)
            from adopted_marker m where m.marker = any(${markers}::uuid[])), '[]'),
          'foreignWritesLastHour', (select count(*) from audit
            where repository = r.name and action = 'foreign write' and at > now() - interval '1 hour'
              and at > coalesce((select a.accepted_at from attempt a
                where a.repository = r.name and a.request_kind is not null and a.accepted_at is not null
                order by a.seq desc limit 1), '-infinity')),
          'readAt', now()
        ) as row from repository r where r.name = ${repository}`.pipe(
        Effect.flatMap(decodeRemembered),
        Effect.map(({ desired, election: elected, markers: ours, adopted, ...rest }) => ({
          desired,
          history: {
            ...rest,
            ran: ran(elected),
            quarantine: elected.quarantine,
            markers: new Map<AttemptId, Target | "adopted">([
              ...adopted.map((id) => [id, "adopted"] as const),
              ...ours.map(({ id, tag, digest }) => [id, { tag, digest }] as const)
            ])
          }
        }))
      )
    )
  },

  elections: (repositories) =>
    storeCall(
      "StateStore.elections",
      sql`select ${sql.literal(election)} as row from repository r where r.name = any(${repositories}::text[])`.pipe(
        Effect.flatMap(decodeElections),
        Effect.map(
          (elections) =>
            new Map(elections.map((of) => [of.repository, { ran: ran(of), quarantine: of.quarantine }]))
        )
      )
    ),

  countForeignWrite: (repository, job, images, words) =>
    storeCall(
      "StateStore.countForeignWrite",
      sql`
        insert into audit (who, action, repository, after, why)
        select 'somebody else', 'foreign write', r.name, ${sql.json({ ...job, images })}, ${words}
        from repository r
        where r.name = ${repository} and not exists (
          select from (
            select at, after from audit where repository = r.name and action = 'foreign write' order by id desc limit 1
          ) last
          where last.at >= r.baseline_at and last.after ->> 'images' = ${images})
        returning true as yes`.pipe(Effect.map(isYes))
    )
})

import type { PgClient } from "@effect/sql-pg"
import { Duration, Effect, Schema } from "effect"
import { BrakeState, Move } from "../domain/BrakeState.ts"
import { Decision } from "../domain/Decision.ts"
import { RepositoryName } from "../domain/RepositoryName.ts"
import { standing } from "./fence.ts"
import type { Fence } from "./Leader.ts"
import { decodeRow, decodeRows, encodeJson, isYes, rowOf } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

const decodeBrakes = decodeRows(BrakeState)
const encodeMoves = encodeJson(Schema.Array(Move))
const decodeReleased = decodeRows(Schema.NullOr(Schema.Array(Move)))
const decodeWeight = decodeRow(
  Schema.Struct({ isExplained: Schema.Boolean, isReleased: Schema.Boolean, isStopped: Schema.Boolean })
)
const decodeLastDecided = decodeRows(
  Schema.Struct({
    repository: RepositoryName,
    decision: Decision,
    isPinned: Schema.Boolean,
    isRecent: Schema.Boolean
  })
)
const brakeRow = rowOf(BrakeState, "b", { stopped: "moves_stopped", released: "moves_released" })

/** What the leader decided last of a repository, as far as that says what it would decide now. */
export interface LastDecided {
  readonly decision: Decision
  readonly isPinned: boolean
  readonly isRecent: boolean
}

/** What is known of an automatic move. */
export interface MoveWeight {
  /** The target was not in the first view under the present row, mapping and policy: a push brought it. */
  readonly isExplained: boolean
  /** A release let this very move go, and it did not go yet. */
  readonly isReleased: boolean
  /** The brake is on. */
  readonly isStopped: boolean
}

/** The brake over all repositories (S17): the rows of `brake`, of which one at most stands. */
export interface BrakeCalls {
  /** The standing brake, else the last one that was; null before the first. */
  readonly brake: Effect.Effect<BrakeState | null, StoreError>
  /** What is to be known of an automatic move before it may go (S17). `isNews`: its push was seen, and not written down. */
  weighMove(
    move: Move,
    entry: { readonly fingerprint: string; readonly isPinned: boolean; readonly isNews?: boolean }
  ): Effect.Effect<MoveWeight, StoreError>
  /**
   * How these were decided last, in one statement: but for those that nobody decided yet, or that no good view was
   * taken of under this fingerprint where there is one of another. `isRecent`: their registry answered `within`.
   */
  lastDecided(
    entries: ReadonlyArray<{ readonly name: RepositoryName; readonly fingerprint: string }>,
    within: Duration.Duration
  ): Effect.Effect<ReadonlyMap<RepositoryName, LastDecided>, StoreError>
  /** Puts the brake on, or adds to the standing one; true where it was not on. */
  pullBrake(fence: Fence, moves: ReadonlyArray<Move>): Effect.Effect<boolean, StoreError>
  /**
   * Releases the brake of this `id` and answers the moves that it lets go: all that it stopped, or those of
   * `repositories` alone; the others are counted anew. Notifies the leader of each. Null: this brake does not stand.
   */
  releaseBrake(release: {
    readonly brake: number
    readonly repositories?: ReadonlyArray<RepositoryName>
    readonly by: string
    readonly from: string
  }): Effect.Effect<ReadonlyArray<Move> | null, StoreError>
}

export const brake = (sql: PgClient.PgClient): BrakeCalls => ({
  brake: storeCall(
    "StateStore.brake",
    sql`select ${sql.literal(brakeRow)} as row from brake b order by id desc limit 1`.pipe(
      Effect.flatMap(decodeBrakes),
      Effect.map(([last]) => last ?? null)
    )
  ),

  weighMove: ({ repository, tag, digest }, { fingerprint, isPinned, isNews = false }) =>
    storeCall(
      "StateStore.weighMove",
      sql`
        select jsonb_build_object(
          'isExplained', coalesce((
            select v.fingerprint = ${fingerprint} and v.first_listed_at >= coalesce(r.edited_at, '-infinity')
              and (${isNews}::boolean
                or greatest(t.moved_at, case when not ${isPinned}::boolean then t.first_seen end) > v.first_listed_at)
            from repository r
            join repository_view v on v.repository = r.name
            left join tag t on t.repository = r.name and t.tag = ${tag}
            where r.name = ${repository}), false),
          'isReleased', exists (
            select from brake b, jsonb_array_elements(b.moves_released) as m
            where b.released_at is not null and m->>'repository' = ${repository} and m->>'tag' = ${tag}
              and coalesce(m->>'digest' = ${digest}::text, true)
              and not exists (
                select from attempt a
                where a.repository = ${repository} and a.to_tag = ${tag} and a.accepted_at > b.released_at)),
          'isStopped', exists (select from brake where released_at is null)
        ) as row`.pipe(Effect.flatMap(decodeWeight))
    ),

  lastDecided: (entries, within) =>
    storeCall(
      "StateStore.lastDecided",
      sql`
        select jsonb_build_object(
          'repository', r.name, 'decision', d.decision, 'isPinned', r.pinned_tag <> '',
          'isRecent', coalesce(c.checked_at > now() - make_interval(secs => ${Duration.toSeconds(within)}), false)
        ) as row
        from unnest(${entries.map(({ name }) => name)}::text[], ${entries.map(({ fingerprint }) => fingerprint)}::text[])
          as e (name, fingerprint)
        join repository r on r.name = e.name
        join decision d on d.repository = r.name
        left join checked c on c.repository = r.name
        left join repository_view v on v.repository = r.name
        where coalesce(v.fingerprint, e.fingerprint) = e.fingerprint`.pipe(Effect.flatMap(decodeLastDecided))
    ).pipe(Effect.map((rows) => new Map(rows.map(({ repository, ...last }) => [repository, last])))),

  pullBrake: (fence, moves) =>
    storeCall(
      "StateStore.pullBrake",
      Effect.flatMap(
        encodeMoves(moves),
        (json) => sql`
          with fence as (${standing(sql, fence)}), pulled as (
            insert into brake (moves_stopped) select ${sql.json(json)} from fence
            on conflict ((true)) where released_at is null do update set moves_stopped = (
              select jsonb_agg(m) from (
                select m from jsonb_array_elements(brake.moves_stopped) as m
                where not exists (
                  select from jsonb_array_elements(excluded.moves_stopped) as n
                  where n->>'repository' = m->>'repository')
                union all
                select m from jsonb_array_elements(excluded.moves_stopped) as m) as merged)
            where not brake.moves_stopped @> excluded.moves_stopped
            returning xmax = 0 as is_new, moves_stopped
          ), audited as (
            insert into audit (who, action, after)
            select 'registrywatcher', 'brake pulled', moves_stopped from pulled where is_new
          )
          select true as yes from pulled where is_new`
      )
    ).pipe(Effect.map(isYes)),

  releaseBrake: ({ brake, repositories = null, by, from }) =>
    storeCall(
      "StateStore.releaseBrake",
      sql`
        with released as (
          update brake b set released_at = now(), released_by = ${by}, moves_released = coalesce((
            select jsonb_agg(m) from jsonb_array_elements(b.moves_stopped) as m
            where ${repositories}::text[] is null or m->>'repository' = any(${repositories}::text[])), '[]')
          where b.id = ${brake} and b.released_at is null
          returning moves_stopped, moves_released
        ), audited as (
          insert into audit (who, address, action, before, after)
          select ${by}, ${from}, 'brake released', moves_stopped, moves_released from released
        ), told as (
          select pg_notify('registrywatcher', m->>'repository')
          from released, jsonb_array_elements(moves_stopped) as m
        )
        select moves_released as row, (select count(*) from told) from released`.pipe(
        Effect.flatMap(decodeReleased),
        Effect.map(([moves]) => moves ?? null)
      )
    )
})

import { Effect, Option, Schema } from "effect"
import { Untold } from "../domain/Notice.ts"
import type { Database } from "./Database.ts"
import type { Backlog, Outbox } from "./Outbox.ts"
import { storeCall } from "./storeCall.ts"

const decode = Schema.decodeUnknownOption(Schema.toCodecJson(Untold))

const facts = `jsonb_build_object(
  'id', id, 'message', message, 'at', created_at, 'tries', tries, 'dropped', dropped,
  'notice', content || jsonb_build_object('_tag', kind, 'repository', repository))`

/** `Outbox` as the rows of `outbox`. */
export const outbox = ({ pool: sql }: Database["Service"]): Outbox["Service"] => {
  const read = (limit: number) =>
    sql<{ readonly id: bigint; readonly row: unknown }>`
      select id, ${sql.literal(facts)} as row from outbox where sent_at is null order by id limit ${limit}`

  /** How many went is kept in the oldest that stays, with what that one knew: it is told once, whoever leads then. */
  const trim = (keep: number) =>
    sql<{ readonly dropped: number }>`
      with newest as (
        select id from outbox where sent_at is null order by id desc limit ${keep}
      ), oldest as (
        select min(id) as id from newest
      ), gone as (
        delete from outbox o using oldest where o.sent_at is null and o.id < oldest.id
        returning 1 + o.dropped as dropped
      ), counted as (
        select coalesce(sum(dropped), 0)::int as dropped, count(*)::int as rows from gone
      ), kept as (
        update outbox o set dropped = o.dropped + counted.dropped
        from oldest, counted where o.id = oldest.id and counted.rows > 0
      )
      select rows as dropped from counted`

  return {
    backlog: (keep) =>
      storeCall(
        "Outbox.backlog",
        Effect.gen(function* () {
          let rows = yield* read(keep + 1)
          let dropped = 0
          if (rows.length > keep) {
            dropped = (yield* trim(keep))[0]?.dropped ?? 0
            rows = yield* read(keep)
          }
          const decoded = rows.map(({ id, row }) => [Number(id), decode(row)] as const)
          return {
            untold: decoded.flatMap(([, row]) => Option.toArray(row)),
            unreadable: decoded.flatMap(([id, row]) => (Option.isNone(row) ? [id] : [])),
            dropped
          } satisfies Backlog
        })
      ),

    sent: (ids) =>
      storeCall(
        "Outbox.sent",
        sql`update outbox set sent_at = clock_timestamp() where id = any(${ids}::bigint[]) and sent_at is null`
      ).pipe(Effect.asVoid),

    refused: (ids) =>
      storeCall(
        "Outbox.refused",
        sql`update outbox set tries = tries + 1 where id = any(${ids}::bigint[]) and sent_at is null`
      ).pipe(Effect.asVoid),

    drop: (ids) =>
      storeCall(
        "Outbox.drop",
        sql`delete from outbox where id = any(${ids}::bigint[]) and sent_at is null`
      ).pipe(Effect.asVoid),

    discard: storeCall("Outbox.discard", sql`delete from outbox where sent_at is null`).pipe(Effect.asVoid),

    prune: storeCall("Outbox.prune", sql`delete from outbox where sent_at < now() - interval '7 days'`).pipe(
      Effect.asVoid
    )
  }
}

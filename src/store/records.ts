import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import { Attempt, type AttemptId } from "../domain/Attempt.ts"
import { AuditEntry } from "../domain/AuditEntry.ts"
import { Decided } from "../domain/Decided.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { decodeRows, rowOf } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

const decodeAttempts = decodeRows(Attempt)
const decodeDecisions = decodeRows(Decided)
const decodeAudit = decodeRows(AuditEntry)

/** What happened, for people: decisions, one attempt, the audit. */
export interface RecordCalls {
  attempt(id: AttemptId): Effect.Effect<Attempt | null, StoreError>
  /** The present decision and those before it, newest first. */
  decisions(repository: RepositoryName, limit: number): Effect.Effect<ReadonlyArray<Decided>, StoreError>
  /** Of one repository, or of all; newest first. */
  audit(
    repository: RepositoryName | null,
    limit: number
  ): Effect.Effect<ReadonlyArray<AuditEntry>, StoreError>
}

export const records = (sql: PgClient.PgClient): RecordCalls => ({
  decisions: (repository, limit) =>
    storeCall(
      "StateStore.decisions",
      sql`
        select jsonb_build_object('decision', decision, 'since', since, 'until', until) as row
        from (
          (select decision, since, null::timestamptz as until, null::bigint as id
            from decision where repository = ${repository})
          union all
          (select decision, since, until, id from decision_history
            where repository = ${repository} order by until desc, id desc limit ${limit})
        ) decided
        order by until desc nulls first, id desc limit ${limit}`.pipe(Effect.flatMap(decodeDecisions))
    ),

  attempt: (id) =>
    storeCall(
      "StateStore.attempt",
      sql`select ${sql.literal(rowOf(Attempt, "a"))} as row from attempt a where id = ${id}::uuid`.pipe(
        Effect.flatMap(decodeAttempts),
        Effect.map(([attempt]) => attempt ?? null)
      )
    ),

  audit: (repository, limit) =>
    storeCall(
      "StateStore.audit",
      sql`
        select ${sql.literal(rowOf(AuditEntry, "e"))} as row from audit e
        where ${repository === null ? sql`true` : sql`e.repository = ${repository}`}
        order by e.id desc limit ${limit}`.pipe(Effect.flatMap(decodeAudit))
    )
})

import type { PgClient } from "@effect/sql-pg"
import { Schema, Effect } from "effect"
import { decodeRow } from "./rows.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

const decodeMigration = decodeRow(Schema.Struct({ id: Schema.Int, name: Schema.String }))

/** The newest migration that is applied. */
export interface SchemaCalls {
  /** The newest migration that is applied, by one cheap statement: the database answers. */
  readonly schema: Effect.Effect<{ readonly id: number; readonly name: string }, StoreError>
}

export const schema = (sql: PgClient.PgClient): SchemaCalls => ({
  schema: storeCall(
    "StateStore.schema",
    sql`select jsonb_build_object('id', id, 'name', name) as row from schema_migration order by id desc limit 1`.pipe(
      Effect.flatMap(decodeMigration)
    )
  )
})

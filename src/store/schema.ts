import type { PgClient } from "@effect/sql-pg"
import { Schema, Effect } from "effect"
import { decodeRow } from "./rows.ts"
import type { StateStore } from "./StateStore.ts"
import { storeCall } from "./storeCall.ts"

const decodeMigration = decodeRow(Schema.Struct({ id: Schema.Int, name: Schema.String }))

/** The newest migration that is applied. */
export const schema = (sql: PgClient.PgClient): Pick<StateStore["Service"], "schema"> => ({
  schema: storeCall(
    "StateStore.schema",
    sql`select jsonb_build_object('id', id, 'name', name) as row from schema_migration order by id desc limit 1`.pipe(
      Effect.flatMap(decodeMigration)
    )
  )
})

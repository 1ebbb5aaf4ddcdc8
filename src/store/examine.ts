import { Effect } from "effect"
import { migrations } from "../../migrations/migrations.ts"
import { Database, toStartError } from "./Database.ts"
import { issuedTokens } from "./issuedTokens.ts"
import { checkSchema } from "./migrate.ts"
import { DatabaseUnreachable, SchemaMissing, type StartError } from "./StartError.ts"
import { connected, type StoreOptions } from "./Store.ts"

/** What a database says of itself to somebody who only looks. */
export interface Examined {
  /** Host, port and name, without password. */
  readonly where: string
  /** As Postgres spells it: `15.3 (Debian …)`. */
  readonly version: string
  /** Migrations that a start would apply; empty where the schema is ours in full. */
  readonly toApply: ReadonlyArray<string>
  /** A token exists that is neither revoked nor expired. */
  readonly tokensExist: boolean
}

/** Everything that a start asks of the database, its pooler among it, with nothing written; fails as a start would. */
export const examine = (options: StoreOptions): Effect.Effect<Examined, StartError> =>
  Effect.gen(function* () {
    const database = yield* Database
    const { pool: sql, where } = database
    const [server] = yield* sql<{ readonly version: string; readonly may_create: boolean }>`
      select current_setting('server_version') as version,
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) as may_create`
    const toApply = yield* checkSchema(sql, migrations).pipe(
      Effect.as<ReadonlyArray<string>>([]),
      Effect.catchTag("SchemaMissing", (error) => {
        if (!options.createDatabaseSchema) return Effect.fail(error)
        if (server?.may_create === true) return Effect.succeed(error.missing)
        const words = "this role may not create them"
        return Effect.fail(new SchemaMissing({ missing: error.missing, words }))
      })
    )
    const tokensExist = toApply.length === 0 && (yield* issuedTokens(database).exist)
    return { where, version: server?.version ?? "", toApply, tokensExist }
  }).pipe(
    Effect.catchTags({
      SqlError: (error) => Effect.flatMap(Database, ({ where }) => Effect.fail(toStartError(where)(error))),
      StoreError: ({ message: words }) =>
        Effect.flatMap(Database, ({ where }) => Effect.fail(new DatabaseUnreachable({ where, words })))
    }),
    Effect.provide(connected(options))
  )

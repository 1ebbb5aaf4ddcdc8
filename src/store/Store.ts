import { Effect, Layer, type Redacted } from "effect"
import { migrations } from "../../migrations/migrations.ts"
import { Database, toStartError } from "./Database.ts"
import { embeddedPostgres, embeddedPostgresBeside } from "./embeddedPostgres.ts"
import { Leader } from "./Leader.ts"
import { checkSchema, migrate } from "./migrate.ts"
import { Outbox } from "./Outbox.ts"
import type { StartError } from "./StartError.ts"
import { StateStore } from "./StateStore.ts"
import { Tokens } from "./Tokens.ts"

/** The keys of `Config` that the store is made from. */
export interface StoreOptions {
  readonly database: "embedded" | Redacted.Redacted
  /** Of Postgres itself, where `database` is a transaction pooler. */
  readonly leaderDatabase?: Redacted.Redacted | undefined
  readonly createDatabaseSchema: boolean
  /** Of the embedded Postgres; `./data` if left out. */
  readonly dataDirectory?: string
  /** A command beside the service: an embedded Postgres that runs already is used as it is. */
  readonly beside?: boolean
}

/** The database as it is. */
export const connected = (options: StoreOptions) => {
  const embedded = options.beside === true ? embeddedPostgresBeside : embeddedPostgres
  return options.database === "embedded"
    ? Layer.unwrap(Effect.map(embedded(options.dataDirectory ?? "data"), Database.layerAddress))
    : Database.layerUrl(options.database, options.leaderDatabase)
}

/** The database, its schema brought up to ours or compared with it. */
const prepared = (options: StoreOptions) =>
  Layer.effectDiscard(
    Effect.flatMap(Database, ({ pool, where }) =>
      (options.createDatabaseSchema ? migrate : checkSchema)(pool, migrations).pipe(
        Effect.catchTag("SqlError", (error) => Effect.fail(toStartError(where)(error)))
      )
    )
  ).pipe(Layer.provideMerge(connected(options)))

/** Everything that is kept in Postgres. Fails with one clear sentence; `mayMendItself` tells whether to try again. */
export const layer = (
  options: StoreOptions
): Layer.Layer<StateStore | Leader | Outbox | Tokens, StartError> =>
  Layer.mergeAll(StateStore.layer, Leader.layer, Outbox.layer, Tokens.layer).pipe(
    Layer.provide(prepared(options))
  )

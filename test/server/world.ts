import { Effect, Layer } from "effect"
import type { Observed } from "../../src/domain/Observed.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import type { Suspicion } from "../../src/domain/View.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { Leader } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import { layerFreshStore } from "../real/postgres.ts"
import { endpoint } from "../registry/against.ts"
import { simulated } from "../deployer/simulated.ts"
import { settingsOf } from "./rig.ts"

/** A client of the simulator, under the name that `watches` gives its registry. */
const registry = Layer.unwrap(
  Effect.map(RegistrySimulator, ({ origin }) =>
    RegistryClient.layer(new Map([["main", endpoint(origin, { name: "main" })]]))
  )
).pipe(Layer.provideMerge(RegistrySimulator.layer()))

/** A standby's: every endpoint is served by one. */
const standby = Layer.mock(Leader, { leads: Effect.succeed(false), leadership: Effect.succeed(null) })

/** What a server stands on: a fresh database with the watched repositories adopted, and a registry. */
export const world = Layer.mergeAll(
  Layer.effectDiscard(Effect.flatMap(StateStore, (store) => store.adopt(settingsOf().watched))),
  Tokens.layer,
  registry,
  simulated,
  standby
).pipe(Layer.provideMerge(layerFreshStore))

export const api = RepositoryName.make("api")
const tags = (names: ReadonlyArray<string>) => names.map((name) => Tag.make(name))

/** The registry was listed. */
export const list = (names: ReadonlyArray<string>, suspect: Suspicion | null = null, repository = api) =>
  Effect.flatMap(StateStore, (store) =>
    store.saveListing(repository, { tags: tags(names), suspect, fingerprint: "of api" })
  )

/** The job was read, and its one task has this tag. */
export const runs = (tag: string, repository = api) =>
  Effect.flatMap(StateStore, (store) => {
    const observed: Observed = {
      _tag: "Runs",
      tasks: [
        {
          group: "web",
          task: "web",
          image: `registry.example.com/apps/api:${tag}`,
          tag: Tag.make(tag),
          digest: null,
          marker: null
        }
      ],
      jobType: "service",
      isParent: false,
      version: 1,
      createIndex: 1,
      modifyIndex: 2,
      jobModifyIndex: 2,
      deployment: null
    }
    return store.saveObservation(repository, observed)
  })

export const desired = (repository = api) => Effect.flatMap(StateStore, (store) => store.desired(repository))

/** Every row of every table, as text: equal before and after means that nothing was written. */
export const everyRow = Effect.gen(function* () {
  const { pool } = yield* Database
  const tables = yield* pool.unsafe<{ readonly name: string }>(
    "select tablename as name from pg_tables where schemaname = 'public' order by 1"
  )
  const rows = yield* Effect.forEach(tables, ({ name }) =>
    pool.unsafe<{ readonly row: string }>(`select t::text as row from "${name}" t order by 1`)
  )
  return JSON.stringify(tables.map(({ name }, at) => [name, rows[at]]))
})

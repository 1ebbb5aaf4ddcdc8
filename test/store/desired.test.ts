import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { watched } from "./rows.ts"

describe.skipIf(noPostgres)("desired state", () => {
  it.effect("adopt makes a row that follows versions and opens no request", () =>
    Effect.gen(function* () {
      const store = yield* StateStore
      yield* store.adopt([watched("api")])
      const api = yield* store.desired(RepositoryName.make("api"))
      assert.deepInclude(api, { pinnedTag: "", autoDeploy: true, generation: 1, requestedGeneration: null })
    }).pipe(Effect.provide(layerFreshStore))
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { nomadScript } from "./NomadScript.ts"

/** A server that takes calls in the namespaces `far…` and never answers them; done once it has so many. */
const hanging = Effect.fnUntraced(function* (calls: number) {
  const full = yield* Deferred.make<void>()
  let taken = 0
  const { endpoint } = yield* nomadScript(({ url }) => {
    if (!url.includes("namespace=far")) return { json: [] }
    taken += 1
    if (taken === calls) Deferred.doneUnsafe(full, Effect.void)
    return { act: () => undefined }
  })
  return { endpoint, full: Deferred.await(full), taken: () => taken }
})

const list = (namespace: string) =>
  Deployer.use((deployer) => Effect.result(deployer.indexes({ region: "", namespace })))

const listMany = (namespace: string) =>
  Effect.forkChild(
    Effect.all(
      Array.from({ length: 40 }, () => list(namespace)),
      { concurrency: "unbounded" }
    )
  )

describe("connections to Nomad", () => {
  it.effect("L6: two namespaces whose calls hang leave another its connections", () =>
    Effect.gen(function* () {
      const { endpoint, full, taken } = yield* hanging(16)
      yield* Effect.gen(function* () {
        yield* listMany("far")
        yield* listMany("far-2")
        yield* full
        assert.strictEqual((yield* list("near"))._tag, "Success")
        assert.strictEqual(taken(), 16)
      }).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { api, simulated, tag } from "./against.ts"

describe("RegistryClient", () => {
  it.effect("lists, resolves and fetches what was pushed, one request each", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const registry = yield* RegistryClient
      const digest = yield* simulator.push("team/api", "v1.0.0")
      yield* simulator.push("team/api", "v1.1.0")
      assert.sameMembers([...(yield* registry.tags(api))], ["v1.0.0", "v1.1.0"])
      assert.strictEqual(yield* registry.resolve(api, tag("v1.0.0")), digest)
      assert.deepStrictEqual(yield* registry.manifest(api, tag("v1.0.0")), {
        digest,
        mediaType: "application/vnd.oci.image.manifest.v1+json"
      })
      const asked = (yield* simulator.requests).map(({ method, path }) => `${method} ${path}`)
      assert.deepStrictEqual(asked, [
        "GET /v2/team/api/tags/list?n=1000",
        "HEAD /v2/team/api/manifests/v1.0.0",
        "GET /v2/team/api/manifests/v1.0.0"
      ])
    }).pipe(Effect.provide(simulated()))
  )
})

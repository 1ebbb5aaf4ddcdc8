import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { createHash } from "node:crypto"
import type { Digest } from "../../src/domain/Digest.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { buildImage, sha256 } from "../../src/sim/registry/image.ts"
import type { Fault } from "../../src/sim/registry/Fault.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { api, clientOf, endpoint, simulated, tag } from "./against.ts"
import { scripted } from "./scripted.ts"

const v1 = tag("v1")
const resolved = Effect.flatMap(RegistryClient, (client) => client.resolve(api, v1))
const fetched = Effect.flatMap(RegistryClient, (client) => client.manifest(api, v1))
const methods = Effect.map(
  Effect.flatMap(RegistrySimulator, ({ requests }) => requests),
  (requests) => requests.map(({ method }) => method)
)
const schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"

describe("RegistryClient.resolve", () => {
  it.effect("sees a tag that was overwritten", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const before = yield* simulator.push("team/api", "v1", "a")
      assert.strictEqual(yield* resolved, before)
      const after = yield* simulator.push("team/api", "v1", "b")
      assert.strictEqual(yield* resolved, after)
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("keeps its connections over many HEADs", () =>
    Effect.gen(function* () {
      const digest = sha256(Buffer.from("x"))
      const server = yield* scripted((_, response) =>
        response.writeHead(200, { "docker-content-digest": digest, "content-length": 500 }).end()
      )
      yield* Effect.repeat(resolved, { times: 19 }).pipe(Effect.provide(clientOf(endpoint(server.origin))))
      // undici begins a second one where the next request comes before the first is free again.
      assert.strictEqual(server.heard.length, 20)
      assert.isAtMost(server.connections(), 2)
    })
  )

  it.effect.each<readonly [string, Fault]>([
    ["brings no digest", { headers: { "docker-content-digest": null } }],
    ["brings a digest that is none", { headers: { "docker-content-digest": "sha256:abc" } }],
    ["is not allowed", { status: 405 }],
    ["is not implemented", { status: 501 }]
  ])("hashes the GET's body where HEAD %s, and asks by HEAD again after an hour", ([, fault]) =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const digest = yield* simulator.push("team/api", "v1")
      yield* simulator.fault({ method: "HEAD", ...fault })
      assert.strictEqual(yield* resolved, digest)
      assert.strictEqual(yield* resolved, digest)
      assert.deepStrictEqual(yield* methods, ["HEAD", "GET", "GET"])
      yield* TestClock.adjust("1 hour")
      yield* simulator.clearFaults
      assert.strictEqual(yield* resolved, digest)
      assert.deepStrictEqual(yield* methods, ["HEAD", "GET", "GET", "HEAD"])
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("hashes the body also where the GET brings no digest either", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const digest = yield* simulator.push("team/api", "v1")
      yield* simulator.fault({ headers: { "docker-content-digest": null } })
      assert.strictEqual(yield* resolved, digest)
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("S10: takes no digest of a page that is no manifest", () =>
    Effect.gen(function* () {
      const portal = yield* scripted((_, response) => response.end("<html>please log in</html>"))
      const { reason } = yield* Effect.flip(resolved).pipe(Effect.provide(clientOf(endpoint(portal.origin))))
      assert.strictEqual(reason._tag, "Malformed")
    })
  )

  it.effect.each(["HEAD", "GET"] as const)("S10: takes no digest of a schema 1 manifest, by %s", (method) =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.push("team/api", "v1")
      const digestless = { "docker-content-digest": method === "GET" ? null : sha256(Buffer.from("x")) }
      yield* simulator.fault({ headers: { "content-type": schema1, ...digestless } })
      const { reason } = yield* Effect.flip(resolved)
      assert.strictEqual(reason._tag, "NotAnImage")
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("is TagNotFound for a tag that is not there, and says which", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(resolved)
      assert.strictEqual(error.message, "registry local, team/api: no tag v1")
      assert.isFalse(error.isRetryable)
    }).pipe(Effect.provide(simulated()))
  )
})

describe("RegistryClient.manifest", () => {
  it.effect("fetches by digest what the tag points at", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const client = yield* RegistryClient
      const digest = yield* simulator.pushIndex("team/api", "v1")
      const expected = { digest, mediaType: "application/vnd.oci.image.index.v1+json" }
      assert.deepStrictEqual(yield* client.manifest(api, digest), expected)
      assert.deepStrictEqual(yield* client.manifest(api, v1), expected)
      const gone = sha256(Buffer.from("gone"))
      const { reason } = yield* Effect.flip(client.manifest(api, gone))
      assert.deepStrictEqual([reason._tag, "tag" in reason && reason.tag], ["TagNotFound", gone])
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("S10: refuses bytes that are not those announced, and not those asked for", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const client = yield* RegistryClient
      const digest = yield* simulator.push("team/api", "v1")
      yield* simulator.fault({ headers: { "docker-content-digest": sha256(Buffer.from("x")) } })
      assert.strictEqual((yield* Effect.flip(fetched)).reason._tag, "Malformed")
      yield* simulator.fault({
        body: buildImage("other").body.toString(),
        headers: { "docker-content-digest": null }
      })
      assert.strictEqual((yield* Effect.flip(client.manifest(api, digest))).reason._tag, "Malformed")
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("S10: hashes by the algorithm that the registry announces", () =>
    Effect.gen(function* () {
      const { body, mediaType } = buildImage("v1")
      const digest = `sha512:${createHash("sha512").update(body).digest("hex")}` as Digest
      const headers = { "content-type": mediaType, "docker-content-digest": digest }
      const server = yield* scripted((_, response) => response.writeHead(200, headers).end(body))
      const manifest = yield* fetched.pipe(Effect.provide(clientOf(endpoint(server.origin))))
      assert.strictEqual(manifest.digest, digest)
    })
  )

  it.effect("S10: is NotAnImage for a chart, with its type", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const type = "application/vnd.oci.image.manifest.v1+json"
      const config = { mediaType: "application/vnd.cncf.helm.config.v1+json" }
      yield* simulator.pushManifest(
        "team/api",
        "v1",
        type,
        JSON.stringify({ mediaType: type, config, layers: [] })
      )
      const { message } = yield* Effect.flip(fetched)
      assert.strictEqual(
        message,
        "registry local, team/api: not an image: application/vnd.cncf.helm.config.v1+json"
      )
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("X13: refuses a manifest above the cap", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.push("team/api", "v1")
      assert.strictEqual((yield* Effect.flip(fetched)).reason._tag, "Malformed")
    }).pipe(Effect.provide(simulated({}, {}, { manifestBytes: 100 })))
  )
})

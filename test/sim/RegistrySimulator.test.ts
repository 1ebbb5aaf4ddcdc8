import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Fault } from "../../src/sim/registry/Fault.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { ask } from "../real/wire.ts"

const oci = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
const post = (path: string, body: unknown) =>
  Effect.flatMap(RegistrySimulator, ({ origin }) =>
    ask({ origin }, "POST", path, {}, Buffer.from(JSON.stringify(body)))
  )
const get = (path: string) =>
  Effect.flatMap(RegistrySimulator, ({ origin }) => ask({ origin }, "GET", path, { accept: oci }))
const parsed = ({ body }: { readonly body: Buffer }): unknown => JSON.parse(body.toString())
const listing = "/v2/team/api/tags/list"

describe("RegistrySimulator", () => {
  it.effect("gives equal content an equal digest, whatever its tag and repository", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const digest = yield* simulator.push("team/api", "v1", "same")
      assert.strictEqual(yield* simulator.push("team/other", "v2", "same"), digest)
      assert.notStrictEqual(yield* simulator.push("team/api", "v1", "other"), digest)
      assert.notStrictEqual(yield* simulator.pushIndex("team/api", "v1", "same"), digest)
      assert.strictEqual(
        yield* simulator.push("team/api", "v3"),
        yield* simulator.push("team/api", "v4", "v3")
      )
    }).pipe(Effect.provide(RegistrySimulator.layer()))
  )

  it.effect("pushes over HTTP what is then read, and refuses what is no name and no tag", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const answer = yield* post("/_sim/push", { image: "team/api", tag: "v1", content: "a" })
      assert.deepStrictEqual(
        [answer.status, parsed(answer)],
        [201, { digest: yield* simulator.push("team/x", "v1", "a") }]
      )
      assert.deepStrictEqual(parsed(yield* get(listing)), { name: "team/api", tags: ["v1"] })
      for (const body of [
        { image: "Team/api", tag: "v1" },
        { image: "team/api", tag: "-" },
        { tag: "v1" },
        "x"
      ]) {
        assert.strictEqual((yield* post("/_sim/push", body)).status, 400)
      }
    }).pipe(Effect.provide(RegistrySimulator.layer()))
  )

  it.effect("counts and shows every request, also over HTTP, but not those to itself", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.push("team/api", "v1")
      yield* get(listing)
      yield* get(`${listing}?n=5`)
      yield* get("/v2/team/api/manifests/v2")
      yield* get("/v2/")
      assert.deepStrictEqual([...(yield* simulator.requestCounts)], [["team/api", 3]])
      const shown = parsed(yield* get("/_sim/requests"))
      assert.deepStrictEqual(shown, {
        counts: { "team/api": 3 },
        requests: [
          { at: 0, method: "GET", path: listing, image: "team/api", status: 200 },
          { at: 0, method: "GET", path: `${listing}?n=5`, image: "team/api", status: 200 },
          { at: 0, method: "GET", path: "/v2/team/api/manifests/v2", image: "team/api", status: 404 },
          { at: 0, method: "GET", path: "/v2/", image: null, status: 200 }
        ]
      })
      assert.strictEqual((yield* ask(simulator, "DELETE", "/_sim/requests")).status, 204)
      assert.deepStrictEqual(
        [(yield* simulator.requests).length, (yield* simulator.requestCounts).size],
        [0, 0]
      )
    }).pipe(Effect.provide(RegistrySimulator.layer()))
  )

  it.effect("pages by n and last, its own page size a bound, and links to what is left", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      for (const name of ["c", "a", "b"]) yield* simulator.push("team/api", name)
      const page = Effect.fnUntraced(function* (query: string) {
        const answer = yield* get(listing + query)
        return [(parsed(answer) as { tags: unknown }).tags, answer.headers.get("link")]
      })
      assert.deepStrictEqual(yield* page("?n=1000"), [["a", "b"], `<${listing}?last=b&n=2>; rel="next"`])
      assert.deepStrictEqual(yield* page("?n=1"), [["a"], `<${listing}?last=a&n=1>; rel="next"`])
      assert.deepStrictEqual(yield* page("?last=b&n=2"), [["c"], null])
      assert.deepStrictEqual(yield* page("?last=c"), [[], null])
    }).pipe(Effect.provide(RegistrySimulator.layer({ pageSize: 2 })))
  )

  it.effect("lists in the order of creation if it is told, an overwritten tag at its place", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      for (const name of ["c", "a", "b", "c"]) yield* simulator.push("team/api", name, `${name}${name}`)
      assert.deepStrictEqual(parsed(yield* get(listing)), { name: "team/api", tags: ["c", "a", "b"] })
    }).pipe(Effect.provide(RegistrySimulator.layer({ order: "creation" })))
  )

  it.effect.each<readonly [string, Fault, readonly [number, number, number]]>([
    ["of one image", { image: "team/api", status: 500 }, [500, 500, 200]],
    ["of one subject", { on: "manifests", status: 500 }, [200, 500, 200]],
    ["of one method", { method: "HEAD", status: 500 }, [200, 200, 200]],
    ["of one time", { status: 500, times: 1 }, [500, 200, 200]],
    ["of one page", { page: 1, status: 500 }, [500, 200, 500]],
    ["of the last page", { page: "last", status: 500 }, [500, 200, 500]],
    ["of all", { status: 500 }, [500, 500, 500]]
  ])("a fault %s hits no other request, and none once it is cleared", ([, fault, expected]) =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.push("team/api", "v1")
      yield* simulator.push("team/other", "v1")
      assert.strictEqual((yield* post("/_sim/faults", fault)).status, 204)
      const paths = [listing, "/v2/team/api/manifests/v1", "/v2/team/other/tags/list"]
      const statuses = Effect.forEach(paths, (path) => Effect.map(get(path), ({ status }) => status))
      assert.deepStrictEqual(yield* statuses, [...expected])
      yield* simulator.clearFaults
      assert.deepStrictEqual(yield* statuses, [200, 200, 200])
    }).pipe(Effect.provide(RegistrySimulator.layer()))
  )

  it.effect("the newest of two faults counts; headers come and go; a fault that is none is refused", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.push("team/api", "v1")
      yield* simulator.fault({ status: 500 })
      yield* simulator.fault({ headers: { "x-added": "yes", "docker-content-digest": null }, body: "{}" })
      const answer = yield* get("/v2/team/api/manifests/v1")
      assert.deepStrictEqual(
        [
          answer.status,
          answer.headers.get("x-added"),
          answer.headers.get("docker-content-digest"),
          parsed(answer)
        ],
        [200, "yes", null, {}]
      )
      assert.strictEqual((yield* post("/_sim/faults", { status: "500" })).status, 400)
      assert.strictEqual((yield* ask(simulator, "DELETE", "/_sim/faults")).status, 204)
      assert.strictEqual((yield* get(listing)).headers.get("x-added"), null)
    }).pipe(Effect.provide(RegistrySimulator.layer()))
  )

  it.effect("delays by its own clock, which may be virtual", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.push("team/api", "v1")
      yield* simulator.fault({ delay: 60_000 })
      let isDone = false
      const fiber = yield* Effect.forkChild(
        Effect.tap(get(listing), () => Effect.sync(() => (isDone = true)))
      )
      const soon = Effect.promise(() => new Promise(setImmediate))
      yield* Effect.repeat(soon, { until: () => Effect.runSync(simulator.requests).length === 1 })
      yield* TestClock.adjust("59 seconds")
      yield* Effect.repeat(soon, { times: 20 })
      assert.isFalse(isDone)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    }).pipe(Effect.provide(RegistrySimulator.layer()))
  )

  it.effect("stops listening with its scope", () =>
    Effect.gen(function* () {
      const origin = yield* Effect.provide(
        Effect.map(RegistrySimulator, (simulator) => simulator.origin),
        RegistrySimulator.layer()
      )
      const exit = yield* Effect.exit(ask({ origin }, "GET", "/v2/"))
      assert.strictEqual(exit._tag, "Failure")
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { ServerResponse } from "node:http"
import { makeHostPause } from "../../src/registry/HostPause.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import type { Fault } from "../../src/sim/registry/Fault.ts"
import { api, clientOf, endpoint, simulated, tag } from "./against.ts"
import { scripted } from "./scripted.ts"

const listed = Effect.flatMap(RegistryClient, (client) => client.tags(api))
const refused = Effect.map(Effect.flip(listed), ({ reason }) => reason)
const unavailable = Effect.flatMap(refused, (reason) =>
  reason._tag === "Unavailable" ? Effect.succeed(reason) : Effect.die(reason)
)
const count = Effect.map(
  Effect.flatMap(RegistrySimulator, ({ requests }) => requests),
  ({ length }) => length
)

describe("a fault of the registry", () => {
  it.effect.each<readonly [string, Fault, string, string]>([
    ["500", { status: 500 }, "Unavailable", "500"],
    ["502 without a body", { status: 502 }, "Unavailable", "502"],
    ["408", { status: 408 }, "Unavailable", "408"],
    ["403", { status: 403 }, "AccessDenied", "403"],
    ["400", { status: 400, body: '{"errors":[{"code":"UNSUPPORTED"}]}' }, "Malformed", "400 UNSUPPORTED"],
    ["a closed connection", { drop: true }, "Unavailable", "other side closed"],
    ["half a body", { truncate: true }, "Unavailable", "other side closed"],
    ["an answer that is no answer of a registry", { body: "<html>" }, "Malformed", "no JSON object"]
  ])("%s: one request, and the reason", ([, fault, reason, words]) =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.push("team/api", "v1")
      yield* simulator.fault(fault)
      const error = yield* Effect.flip(listed)
      assert.strictEqual(error.reason._tag, reason)
      assert.strictEqual(error.isRetryable, reason === "Unavailable")
      assert.include(error.message, words)
      assert.strictEqual(yield* count, 1)
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("X3: a redirect is not followed, whereto it leads", () =>
    Effect.gen(function* () {
      const elsewhere = yield* scripted((_, response) => response.end("{}"))
      for (const status of [301, 302, 303, 307, 308]) {
        const redirecting = yield* scripted((heard, response) =>
          response.writeHead(status, { location: new URL(heard.path, elsewhere.origin).href }).end()
        )
        const reason = yield* refused.pipe(Effect.provide(clientOf(endpoint(redirecting.origin))))
        assert.strictEqual(reason._tag, "Malformed")
        assert.strictEqual(redirecting.heard.length, 1)
      }
      assert.deepStrictEqual(elsewhere.heard, [])
    })
  )

  it.effect("a refused connection is named", () =>
    Effect.gen(function* () {
      const origin = yield* Effect.scoped(
        Effect.map(
          scripted(() => {}),
          (gone) => gone.origin
        )
      )
      const { words } = yield* unavailable.pipe(Effect.provide(clientOf(endpoint(origin))))
      assert.include(words, origin.host)
      assert.include(words, "ECONNREFUSED")
    })
  )
})

describe("L6: a deadline", () => {
  it.effect.each([
    ["headers", { headersMs: 50 }, () => {}, "UND_ERR_HEADERS_TIMEOUT"],
    [
      "the next bytes of a body",
      { bodyMs: 50 },
      (response) => response.writeHead(200).write("{"),
      "UND_ERR_BODY_TIMEOUT"
    ],
    [
      "the whole answer",
      { totalMs: 50 },
      (response) => response.writeHead(200).write("{"),
      "within the deadline"
    ],
    ["the whole listing", { listingMs: 50 }, () => {}, "within the deadline"]
  ] as const satisfies ReadonlyArray<readonly [string, object, (response: ServerResponse) => void, string]>)(
    "ends the wait for %s, and the connection",
    ([, limits, answer, words]) =>
      Effect.gen(function* () {
        let closed = 0
        const silent = yield* scripted((_, response) => {
          response.on("close", () => closed++)
          answer(response)
        })
        const reason = yield* unavailable.pipe(Effect.provide(clientOf(endpoint(silent.origin), limits)))
        assert.include(reason.words, words)
        assert.deepStrictEqual([silent.heard.length, silent.connections()], [1, 1])
        yield* Effect.repeat(
          Effect.promise(() => new Promise(setImmediate)),
          { until: () => closed === 1 }
        )
      })
  )

  it.effect("is not moved by a clock that jumps: a virtual day ends no request that is under way", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.push("team/api", "v1")
      yield* simulator.fault({ delay: 86_400_000, times: 1 })
      const fiber = yield* Effect.forkChild(listed)
      yield* Effect.repeat(
        Effect.promise(() => new Promise(setImmediate)),
        {
          until: () => simulator.requests.pipe(Effect.runSync).length === 1
        }
      )
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [tag("v1")])
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("of one host delays no other", () =>
    Effect.gen(function* () {
      const silent = yield* scripted(() => {})
      const other = yield* scripted((_, response) => response.end('{"name":"team/api","tags":["v1"]}'))
      const registries = new Map([
        ["silent", endpoint(silent.origin)],
        ["other", endpoint(other.origin)]
      ])
      yield* Effect.gen(function* () {
        const client = yield* RegistryClient
        for (let index = 0; index < 20; index++) {
          yield* Effect.forkChild(client.tags({ registry: "silent", image: "team/api" }), {
            startImmediately: true
          })
        }
        assert.deepStrictEqual(yield* client.tags({ registry: "other", image: "team/api" }), [tag("v1")])
      }).pipe(Effect.provide(RegistryClient.layer(registries)))
    })
  )

  it.effect("holds in the queue too, and no more connections than the limit are opened", () =>
    Effect.gen(function* () {
      const silent = yield* scripted(() => {})
      yield* Effect.all(
        Array.from({ length: 6 }, () => unavailable),
        { concurrency: "unbounded" }
      ).pipe(Effect.provide(clientOf(endpoint(silent.origin), { connections: 2, totalMs: 200 })))
      assert.isAtMost(silent.connections(), 4)
      assert.isAtMost(silent.heard.length, 4)
    })
  )
})

describe("a refusal without end", () => {
  it.effect("X13: is read no further than its first bytes", () =>
    Effect.gen(function* () {
      const endless = yield* scripted((_, response) => {
        response.writeHead(500)
        const more = () => {
          if (!response.destroyed) response.write("x".repeat(65_536), more)
        }
        more()
      })
      const { words } = yield* unavailable.pipe(Effect.provide(clientOf(endpoint(endless.origin))))
      assert.strictEqual(words, "500")
    })
  )
})

describe("interruption", () => {
  it.effect("takes a request out of the queue: it is never sent", () =>
    Effect.gen(function* () {
      const held: Array<ServerResponse> = []
      const server = yield* scripted(({ path }, response) => {
        if (path.includes("first")) held.push(response)
        else response.end('{"name":"team/api","tags":[]}')
      })
      const soon = Effect.promise(() => new Promise(setImmediate))
      yield* Effect.gen(function* () {
        const client = yield* RegistryClient
        const ask = (image: string) => client.tags({ registry: "local", image })
        yield* Effect.forkChild(Effect.ignore(ask("first")), { startImmediately: true })
        yield* Effect.repeat(soon, { until: () => held.length === 1 })
        const second = yield* Effect.forkChild(ask("second"), { startImmediately: true })
        yield* Fiber.interrupt(second)
        held[0]?.end("{}")
        yield* listed
      }).pipe(Effect.provide(clientOf(endpoint(server.origin), { connections: 1 })))
      const images = server.heard.map(({ path }) => path.split("/tags")[0])
      assert.deepStrictEqual(images, ["/v2/first", "/v2/team/api"])
    })
  )

  it.effect("closes the connection", () =>
    Effect.gen(function* () {
      let isClosed = false
      const silent = yield* scripted((_, response) => response.on("close", () => (isClosed = true)))
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(listed)
        const soon = Effect.promise(() => new Promise(setImmediate))
        yield* Effect.repeat(soon, { until: () => silent.heard.length === 1 })
        yield* Fiber.interrupt(fiber)
        yield* Effect.repeat(soon, { until: () => isClosed })
      }).pipe(Effect.provide(clientOf(endpoint(silent.origin))))
    })
  )
})

describe("L7: Retry-After", () => {
  it.effect.each([429, 503])("of a %d pauses the whole host: nothing is asked before its end", (status) =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      const client = yield* RegistryClient
      yield* simulator.push("team/api", "v1")
      yield* simulator.push("team/other", "v1")
      yield* simulator.fault({ status, headers: { "retry-after": "30" }, times: 1 })
      assert.strictEqual((yield* unavailable).retryAfter, 30_000)
      yield* TestClock.adjust("10 seconds")
      const { reason } = yield* Effect.flip(
        client.resolve({ registry: "local", image: "team/other" }, tag("v1"))
      )
      assert.deepInclude(reason, { _tag: "Unavailable", retryAfter: 20_000 })
      assert.strictEqual(yield* count, 1)
      yield* TestClock.adjust("19999 millis")
      assert.strictEqual((yield* unavailable).retryAfter, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* listed, [tag("v1")])
      assert.strictEqual(yield* count, 2)
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("is null where none was said, and nothing pauses", () =>
    Effect.gen(function* () {
      const simulator = yield* RegistrySimulator
      yield* simulator.fault({ status: 429 })
      assert.isNull((yield* unavailable).retryAfter)
      yield* unavailable
      assert.strictEqual(yield* count, 2)
    }).pipe(Effect.provide(simulated()))
  )

  it.effect("of a later answer that was already under way shortens no pause", () =>
    Effect.gen(function* () {
      const { gate, pause } = makeHostPause()
      yield* pause("a", 30_000)
      yield* pause("a", 10_000)
      assert.strictEqual((yield* Effect.flip(gate("a"))).retryAfter, 30_000)
    })
  )

  it.effect("pauses no other host", () =>
    Effect.gen(function* () {
      const busy = yield* scripted((_, response) => response.writeHead(429, { "retry-after": "30" }).end())
      const other = yield* scripted((_, response) => response.end('{"name":"team/api","tags":["v1"]}'))
      const registries = new Map([
        ["busy", endpoint(busy.origin)],
        ["other", endpoint(other.origin)]
      ])
      yield* Effect.gen(function* () {
        const client = yield* RegistryClient
        yield* Effect.flip(client.tags({ registry: "busy", image: "team/api" }))
        assert.deepStrictEqual(yield* client.tags({ registry: "other", image: "team/api" }), [tag("v1")])
      }).pipe(Effect.provide(RegistryClient.layer(registries)))
    })
  )
})

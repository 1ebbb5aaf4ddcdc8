import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type Fault, fixtureJob, NomadSimulator } from "../../../src/sim/NomadSimulator.ts"

type Nomad = NomadSimulator["Service"]

const withSimulator = <A>(use: (nomad: Nomad) => Effect.Effect<A>) =>
  Effect.flatMap(NomadSimulator, use).pipe(Effect.provide(NomadSimulator.layer()))

const post = (nomad: Nomad, id = "web") =>
  nomad.handle({
    method: "POST",
    path: "/v1/jobs",
    query: new URLSearchParams(),
    body: JSON.stringify({ Job: fixtureJob({ id }) })
  })
const get = (nomad: Nomad, path: string, query = "") =>
  nomad.handle({ method: "GET", path, query: new URLSearchParams(query), body: "" })

describe("faults", () => {
  const answers: ReadonlyArray<readonly [string, Fault, status: number, body: string]> = [
    ["an answer", { _tag: "Answer", status: 503, body: "no" }, 503, "no"],
    [
      "the limit of connections",
      { _tag: "TooManyConnections", retryAfter: 3 },
      429,
      "Your IP is issuing too many concurrent connections, please rate limit your calls\n"
    ],
    ["no leader", { _tag: "NoLeader", hold: 0 }, 500, "No cluster leader"]
  ]
  it.effect.each(answers)("%s: is given instead, nothing is applied", ([, fault, status, body]) =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.inject({ ...fault, times: 1 })
        const first = yield* Effect.forkChild(post(nomad))
        yield* TestClock.adjust(0)
        const answered = yield* Fiber.join(first)
        assert.deepStrictEqual([answered?.status, answered?.body], [status, body])
        assert.isUndefined(yield* nomad.job("default", "web"))
        assert.isEmpty(yield* nomad.registers)
        assert.strictEqual((yield* post(nomad))?.status, 200)
      })
    )
  )

  it.effect("Retry-After is told in seconds", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.inject({ _tag: "TooManyConnections", retryAfter: 3 })
        assert.strictEqual((yield* post(nomad))?.headers["Retry-After"], "3")
      })
    )
  )

  it.effect("without a leader a server holds the call for 5 seconds; a stale read passes", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.inject({ _tag: "NoLeader" })
        const held = yield* Effect.forkChild(post(nomad))
        yield* TestClock.adjust(4999)
        assert.isUndefined(held.pollUnsafe())
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* Fiber.join(held))?.status, 500)
        assert.strictEqual((yield* get(nomad, "/v1/jobs", "stale"))?.status, 200)
      })
    )
  )

  it.effect.each(["before", "after"] as const)("a connection cut %s the commit", (when) =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.inject({ _tag: "Drop", when, method: "POST", times: 1 })
        assert.isUndefined(yield* post(nomad))
        const job = yield* nomad.job("default", "web")
        assert.strictEqual(job?.Version, when === "after" ? 0 : undefined)
        assert.strictEqual((yield* nomad.registers).length, when === "after" ? 1 : 0)
        assert.deepStrictEqual(
          (yield* nomad.requests).map((each) => [each.method, each.status]),
          [["POST", null]]
        )
      })
    )
  )

  it.effect("a delay holds the request back, and what it would do", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.inject({ _tag: "Delay", millis: 3000 })
        const held = yield* Effect.forkChild(post(nomad))
        yield* TestClock.adjust(2999)
        assert.isUndefined(yield* nomad.job("default", "web"))
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* Fiber.join(held))?.status, 200)
      })
    )
  )

  it.effect("through a client agent only the uncoded 500s say so", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.inject({ _tag: "RpcPrefix" })
        yield* post(nomad)
        const query = new URLSearchParams()
        const body = JSON.stringify({ Job: fixtureJob({ id: "web" }), EnforceIndex: true, JobModifyIndex: 0 })
        const conflict = yield* nomad.handle({ method: "POST", path: "/v1/jobs", query, body })
        assert.strictEqual(conflict?.body, "rpc error: Enforcing job modify index 0: job already exists")
        assert.strictEqual((yield* get(nomad, "/v1/job/none"))?.body, "job not found")
      })
    )
  )

  it.effect("a fault hits only what it names, as often as it says, until it is cleared", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const status = (path: string) => Effect.map(get(nomad, path), (answered) => answered?.status)
        yield* nomad.inject({ _tag: "Answer", status: 502, path: "/v1/job/a", times: 2 })
        yield* nomad.inject({ _tag: "Answer", status: 503, method: "GET", path: "/v1/jobs" })
        const seen = []
        for (const path of ["/v1/job/b", "/v1/job/a", "/v1/job/a", "/v1/job/a", "/v1/jobs", "/v1/jobs"]) {
          seen.push(yield* status(path))
        }
        assert.deepStrictEqual(seen, [404, 502, 502, 404, 503, 503])
        assert.strictEqual((yield* post(nomad))?.status, 200)
        yield* nomad.clearFaults
        assert.strictEqual(yield* status("/v1/jobs"), 200)
      })
    )
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { fixtureJob, NomadSimulator, quickTimings, sampleJob } from "../../../src/sim/NomadSimulator.ts"

type Nomad = NomadSimulator["Service"]

const call = (nomad: Nomad, method: string, path: string, body?: unknown) =>
  Effect.promise(async () => {
    const response = await fetch(`${nomad.url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    return { status: response.status, headers: response.headers, text: await response.text() }
  })

/** Waits until the job's deployment has that status. */
const ends = (nomad: Nomad, id: string, status: string) =>
  Effect.gen(function* () {
    for (let tries = 0; tries < 400; tries++) {
      const { text } = yield* call(nomad, "GET", `/v1/job/${id}/deployment`)
      if (text.includes(`"Status":"${status}"`)) return
      yield* Effect.sleep("10 millis")
    }
    assert.fail(`the deployment of ${id} does not end ${status}`)
  })

const withSimulator = <A>(use: (nomad: Nomad) => Effect.Effect<A>) =>
  Effect.flatMap(NomadSimulator, use).pipe(Effect.provide(NomadSimulator.layer({ timings: quickTimings })))

describe("over HTTP", () => {
  it.live("the logs, faults, namespaces and jobs of other processes", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const ok = (method: string, path: string, body?: unknown) =>
          Effect.map(call(nomad, method, path, body), ({ status, text }) => {
            assert.strictEqual(status, 200, text)
            return JSON.parse(text) as unknown
          })
        yield* ok("POST", "/_sim/namespaces", { Name: "team" })
        yield* ok("POST", "/_sim/jobs", sampleJob({ id: "seeded", image: "web:v1", namespace: "team" }))
        yield* ok("POST", "/_sim/jobs", { Job: sampleJob({ id: "other", image: "web:v1" }) })
        assert.deepStrictEqual(yield* ok("GET", "/_sim/registers"), [])
        yield* ok("POST", "/_sim/faults", { _tag: "Answer", status: 418, path: "/v1/job/seeded" })
        assert.strictEqual((yield* call(nomad, "GET", "/v1/job/seeded?namespace=team")).status, 418)
        yield* ok("DELETE", "/_sim/faults")
        yield* ok("GET", "/v1/job/seeded?namespace=team")
        yield* ok("POST", "/v1/jobs", { Job: fixtureJob({ id: "taken" }) })
        const requests = (yield* ok("GET", "/_sim/requests")) as ReadonlyArray<Record<string, unknown>>
        assert.deepStrictEqual(
          requests.map(({ method, path, status }) => [method, path, status]),
          [
            ["GET", "/v1/job/seeded?namespace=team", 418],
            ["GET", "/v1/job/seeded?namespace=team", 200],
            ["POST", "/v1/jobs", 200]
          ]
        )
        const registers = (yield* ok("GET", "/_sim/registers")) as ReadonlyArray<Record<string, unknown>>
        assert.deepStrictEqual(
          registers.map(({ namespace, job, version, changed }) => [namespace, job, version, changed]),
          [["default", "taken", 0, true]]
        )
      })
    )
  )

  it.live("what becomes of tasks is told, and no longer", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const outcome = { _tag: "Exits", code: 1, stderr: "panic: no database\n" }
        const rule = { image: "web:v1", outcome }
        assert.strictEqual((yield* call(nomad, "POST", "/_sim/outcomes", rule)).status, 200)
        yield* nomad.register(sampleJob({ id: "crashing", image: "web:v1" })).pipe(Effect.orDie)
        yield* ends(nomad, "crashing", "failed")
        assert.strictEqual((yield* call(nomad, "DELETE", "/_sim/outcomes")).status, 200)
        yield* call(nomad, "POST", "/_sim/evaluations", { paused: true })
        yield* nomad.register(sampleJob({ id: "well", image: "web:v1" })).pipe(Effect.orDie)
        yield* Effect.sleep("30 millis")
        assert.strictEqual((yield* call(nomad, "GET", "/v1/job/well/deployment")).text, "null")
        yield* call(nomad, "POST", "/_sim/evaluations", { paused: false })
        yield* ends(nomad, "well", "successful")
      })
    )
  )

  it.live.each([
    ["POST", "/_sim/faults", { _tag: "Nope" }, 400],
    ["POST", "/_sim/outcomes", { outcome: { _tag: "Nope" } }, 400],
    ["POST", "/_sim/jobs", { ID: "x" }, 500],
    ["POST", "/_sim/jobs", [], 400],
    ["GET", "/_sim/nope", undefined, 404],
    ["GET", "/v1/jobs/parse", undefined, 405]
  ] as const)("%s %s %j is refused", ([method, path, body, status]) =>
    withSimulator((nomad) =>
      Effect.map(call(nomad, method, path, body), (answered) => {
        assert.strictEqual(answered.status, status)
        assert.isNotEmpty(answered.text)
      })
    )
  )

  it.live("a large answer is compressed for who accepts it, as Nomad does", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.register(fixtureJob({ id: "web" })).pipe(Effect.orDie)
        const large = yield* call(nomad, "GET", "/v1/job/web")
        assert.strictEqual(large.headers.get("content-encoding"), "gzip")
        assert.include(large.text, '"ID":"web"')
        const small = yield* call(nomad, "GET", "/v1/job/none")
        assert.isNull(small.headers.get("content-encoding"))
      })
    )
  )

  it.live("nanosecond timestamps go out exactly", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.register(fixtureJob({ id: "web" })).pipe(Effect.orDie)
        const stored = yield* nomad.job("default", "web")
        const { text } = yield* call(nomad, "GET", "/v1/job/web")
        assert.include(text, `"SubmitTime":${stored?.SubmitTime},`)
      })
    )
  )

  it.live("an address that is taken is an error that names it", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const port = Number(new URL(nomad.url).port)
        const second = Layer.build(NomadSimulator.layer({ port })).pipe(Effect.scoped, Effect.asVoid)
        const error = yield* Effect.match(second, {
          onFailure: ({ message }) => message,
          onSuccess: () => ""
        })
        assert.include(error, `EADDRINUSE: address already in use 127.0.0.1:${port}`)
      })
    )
  )
})

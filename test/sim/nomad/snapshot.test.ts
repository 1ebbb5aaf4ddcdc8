import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { type JsonObject, textOf } from "../../../src/sim/nomad/Json.ts"
import { ask, listOf, type Nomad, withNomad } from "./asking.ts"

const job = (A: string, count = 1) => fixtureJob({ id: "web", count, env: { A } })
const post = (nomad: Nomad, Job: JsonObject) => ask(nomad, "POST", "/v1/jobs", { Job })
const indexOf = (nomad: Nomad) =>
  Effect.map(ask(nomad, "GET", "/v1/job/web"), ({ headers }) => Number(headers["X-Nomad-Index"]))

describe("a snapshot that is restored", () => {
  it.effect("has the job, its allocations and the index as they were, and goes on from there", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* post(nomad, job("1"))
        yield* TestClock.adjust("10 seconds")
        const before = yield* indexOf(nomad)
        const snapshot = yield* nomad.snapshot
        yield* post(nomad, job("2"))
        yield* TestClock.adjust("10 seconds")
        assert.isAbove(yield* indexOf(nomad), before)
        yield* nomad.restore(snapshot)
        assert.strictEqual(yield* indexOf(nomad), before)
        const versions = yield* ask(nomad, "GET", "/v1/job/web/versions")
        assert.lengthOf(versions.json["Versions"] as ReadonlyArray<unknown>, 1)
        yield* post(nomad, job("3"))
        yield* TestClock.adjust("10 seconds")
        const { json } = yield* ask(nomad, "GET", "/v1/job/web/deployment")
        assert.deepStrictEqual([json["JobVersion"], json["Status"]], [1, "successful"])
      })
    )
  )

  it.effect("a read that waits for a later index waits until its time is up, and tells the lower one", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* post(nomad, job("1", 0))
        yield* TestClock.adjust("1 second")
        const index = yield* indexOf(nomad)
        const read = yield* Effect.forkChild(ask(nomad, "GET", `/v1/jobs?index=${index}&wait=10s`))
        yield* TestClock.adjust("1 second")
        yield* nomad.restore()
        yield* TestClock.adjust("5 seconds")
        assert.isUndefined(read.pollUnsafe())
        yield* TestClock.adjust("10 seconds")
        const answered = yield* Fiber.join(read)
        assert.deepStrictEqual([answered.body, answered.headers["X-Nomad-Index"]], ["[]", "1"])
      })
    )
  )

  it.effect("a stream ends", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        const query = new URLSearchParams("topic=Job")
        const answer = yield* nomad.handle({ method: "GET", path: "/v1/event/stream", query, body: "" })
        const open = yield* Effect.forkChild(answer?.lines?.(() => undefined) ?? Effect.die("no stream"))
        yield* TestClock.adjust("1 second")
        assert.isUndefined(open.pollUnsafe())
        yield* nomad.restore()
        yield* Fiber.join(open)
      })
    )
  )
})

/** What its evaluation names, and whether there is such a deployment. */
const see = (version: string) =>
  withNomad(
    (nomad) =>
      Effect.gen(function* () {
        yield* nomad.rejectPlans(1)
        const { json } = yield* post(nomad, job("1"))
        yield* TestClock.adjust("1 second")
        const { json: failed } = yield* ask(nomad, "GET", `/v1/evaluation/${textOf(json["EvalID"])}`)
        const named = failed["DeploymentID"]
        const found =
          typeof named === "string" ? (yield* ask(nomad, "GET", `/v1/deployment/${named}`)).status : "none"
        yield* TestClock.adjust("70 seconds")
        const all = listOf(yield* ask(nomad, "GET", "/v1/job/web/deployments"))
        return [failed["Status"], failed["StatusDescription"], found, all.map(({ Status }) => Status)]
      }),
    { version }
  )

describe("an evaluation whose plans are rejected", () => {
  it.effect.each([
    ["2.0.5", "none"],
    ["2.0.4", 404]
  ] as const)("fails, and is looked at again; with %s its deployment is %s", ([version, found]) =>
    Effect.map(see(version), (seen) =>
      assert.deepStrictEqual<unknown>(seen, ["failed", "maximum attempts reached (5)", found, ["successful"]])
    )
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { type JsonObject, textOf } from "../../../src/sim/nomad/Json.ts"
import { ask, listOf, type Nomad, withNomad } from "./asking.ts"

const parent = (rest: JsonObject, command = "/bin/true") =>
  fixtureJob({ id: "night", command, job: { Type: "batch", ...rest }, group: { Update: null } })
const post = (nomad: Nomad, Job: JsonObject) =>
  Effect.map(ask(nomad, "POST", "/v1/jobs", { Job }), ({ status, body }) => (status === 200 ? 200 : body))
const children = (nomad: Nomad) =>
  Effect.map(ask(nomad, "GET", "/v1/jobs?prefix=night/"), (answer) =>
    listOf(answer).map(({ ID, Status, ParentID }) => [ID, Status, ParentID])
  )
const start = Date.UTC(2026, 0, 1)

describe("periodic jobs", () => {
  it.effect("a child runs when its time has come, of the version that the job has then", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(start)
        yield* post(nomad, parent({ Periodic: { Specs: ["*/5 * * * *"] } }))
        yield* TestClock.adjust("299 seconds")
        assert.isEmpty(yield* children(nomad))
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(yield* children(nomad), [
          [`night/periodic-${start / 1000 + 300}`, "dead", "night"]
        ])
        const { json } = yield* ask(nomad, "GET", "/v1/job/night/summary")
        assert.deepStrictEqual(json["Children"], { Dead: 1, Pending: 0, Running: 0 })
        yield* ask(nomad, "DELETE", "/v1/job/night")
        yield* TestClock.adjust("10 minutes")
        assert.lengthOf(yield* children(nomad), 1)
      })
    )
  )

  it.effect.each([
    [true, 1],
    [false, 2]
  ] as const)(
    "with overlaps prohibited (%s) two times make %i children of one that goes on",
    ([ProhibitOverlap, count]) =>
      withNomad((nomad) =>
        Effect.gen(function* () {
          yield* TestClock.setTime(start)
          const Periodic = { Specs: ["*/5 * * * *"], ProhibitOverlap }
          yield* nomad.setOutcome({ namespace: "default", outcome: { _tag: "Healthy" } })
          yield* post(nomad, parent({ Periodic }))
          yield* TestClock.adjust("11 minutes")
          assert.lengthOf(yield* children(nomad), count)
        })
      )
  )

  it.effect("a plan tells the next launch, and a launch can be forced", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* TestClock.setTime(start)
        const Job = parent({ Periodic: { Spec: "30 2 * * *", TimeZone: "Europe/Berlin" } })
        yield* post(nomad, Job)
        const { json } = yield* ask(nomad, "POST", "/v1/job/night/plan", { Job, Diff: true })
        assert.strictEqual(json["NextPeriodicLaunch"], "2026-01-01T01:30:00Z")
        assert.strictEqual((yield* ask(nomad, "POST", "/v1/job/night/periodic/force")).status, 200)
        yield* TestClock.adjust("10 seconds")
        assert.lengthOf(yield* children(nomad), 1)
        const { status, body } = yield* ask(nomad, "POST", "/v1/job/night/evaluate", { JobID: "night" })
        assert.deepStrictEqual([status, body], [500, "can't evaluate periodic job"])
      })
    )
  )

  it.effect.each([
    [
      { Specs: ["nope"] },
      '1 error occurred:\n\t* 1 error occurred:\n\t* Invalid cron spec "nope": missing field(s)\n\n\n\n'
    ],
    [{ Specs: [] }, "1 error occurred:\n\t* 1 error occurred:\n\t* Must specify a spec\n\n\n\n"]
  ] as const)("%j is refused", ([Periodic, words]) =>
    withNomad((nomad) =>
      Effect.map(post(nomad, parent({ Periodic })), (said) => assert.strictEqual(said, words))
    )
  )
})

const dispatch = (nomad: Nomad, body: JsonObject) =>
  ask(nomad, "POST", "/v1/job/night/dispatch", { JobID: "night", ...body })

describe("parameterized jobs", () => {
  it.effect("a dispatch makes a child with its meta and payload", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        const ParameterizedJob = { Payload: "required", MetaRequired: ["who"], MetaOptional: [] }
        assert.strictEqual(yield* post(nomad, parent({ ParameterizedJob, Meta: { a: "b" } })), 200)
        for (const [body, words] of [
          [{ Meta: { who: "x" } }, "Payload is not provided but required by parameterized job"],
          [{ Payload: "YQ==", Meta: {} }, "Dispatch did not provide required meta keys: [who]"],
          [
            { Payload: "YQ==", Meta: { who: "x", more: "y" } },
            "Dispatch request included unpermitted metadata keys: [more]"
          ]
        ] as const) {
          const { status, body: said } = yield* dispatch(nomad, body)
          assert.deepStrictEqual([status, said], [500, words])
        }
        const { json } = yield* dispatch(nomad, { Payload: "YQ==", Meta: { who: "x" } })
        yield* TestClock.adjust("5 seconds")
        const child = (yield* ask(nomad, "GET", `/v1/job/${textOf(json["DispatchedJobID"])}`)).json
        assert.deepStrictEqual(
          [child["Dispatched"], child["ParentID"], child["Payload"], child["Meta"], child["Status"]],
          [true, "night", "YQ==", { a: "b", who: "x" }, "dead"]
        )
        assert.strictEqual(
          yield* post(nomad, child),
          "1 error occurred:\n\t* job can't be submitted with a payload, only dispatched\n\n"
        )
        assert.strictEqual(
          yield* post(nomad, { ...child, Payload: null }),
          "cannot update non-parameterized job to being parameterized"
        )
        assert.strictEqual(
          yield* post(nomad, { ...child, Payload: null, ParameterizedJob: null }),
          "field 'Dispatched' is read-only"
        )
      })
    )
  )
})

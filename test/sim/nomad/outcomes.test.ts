import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import {
  byImage,
  type NomadOptions,
  NomadSimulator,
  sampleJob,
  tagOf
} from "../../../src/sim/NomadSimulator.ts"
import { asList } from "../../../src/sim/nomad/Job.ts"
import { isObject, type Json, type JsonObject, parseJson, textOf } from "../../../src/sim/nomad/Json.ts"

type Nomad = NomadSimulator["Service"]

const withSimulator = <A>(use: (nomad: Nomad) => Effect.Effect<A>, options: NomadOptions = {}) =>
  Effect.flatMap(NomadSimulator, use).pipe(
    Effect.provide(Layer.fresh(NomadSimulator.layer(options))),
    Random.withSeed("one life")
  )

const read = (nomad: Nomad, path: string): Effect.Effect<Json> =>
  Effect.map(nomad.handle({ method: "GET", path, query: new URLSearchParams(), body: "" }), (answered) =>
    parseJson(answered?.body ?? "null")
  )
const field = (value: Json | undefined, ...keys: ReadonlyArray<string | number>): Json | undefined =>
  keys.reduce<Json | undefined>(
    (at, key) => (Array.isArray(at) ? at[Number(key)] : isObject(at) ? at[key] : undefined),
    value
  )
const put = (nomad: Nomad, job: JsonObject) =>
  Effect.flatMap(
    nomad.handle({
      method: "POST",
      path: "/v1/jobs",
      query: new URLSearchParams(),
      body: JSON.stringify({ Job: job })
    }),
    (answered) => Effect.sync(() => assert.strictEqual(answered?.status, 200, answered?.body))
  )
const image = (tag: string) => sampleJob({ id: "web", image: `127.0.0.1:5000/team/web:${tag}` })
const eventTypes = (allocation: Json | undefined): ReadonlyArray<string> => {
  const events = field(allocation, "TaskStates", "web", "Events")
  return asList(events).map((each) => textOf(field(each, "Type")))
}

describe("what becomes of an image", () => {
  it.each([
    ["registry.local:5000/team/web:v1.2.3", "v1.2.3"],
    ["registry.local:5000/team/web", ""],
    ["web:bad@sha256:0000", "bad"],
    ["web@sha256:0000", ""],
    ["", ""]
  ])("the tag of %s is %s", (reference, tag) => assert.strictEqual(tagOf(reference), tag))

  const fates: ReadonlyArray<
    readonly [tag: string, status: string, words: string, event: string, client: string]
  > = [
    ["v2", "successful", "Deployment completed successfully", "Started", "running"],
    [
      "v2-bad",
      "failed",
      "Failed due to unhealthy allocations - rolling back to job version 0",
      "Alloc Unhealthy",
      "complete"
    ],
    [
      "v2-crash",
      "failed",
      "Failed due to unhealthy allocations - rolling back to job version 0",
      "Terminated",
      "failed"
    ],
    [
      "v2-nopull",
      "failed",
      "Failed due to unhealthy allocations - rolling back to job version 0",
      "Driver Failure",
      "failed"
    ],
    [
      "v2-slow",
      "failed",
      "Failed due to unhealthy allocations - rolling back to job version 0",
      "Alloc Unhealthy",
      "complete"
    ]
  ]
  it.effect.each(fates)("a new version %s ends %s", ([tag, status, words, event, client]) =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* put(nomad, image("v1"))
        yield* TestClock.adjust("10 seconds")
        yield* put(nomad, image(tag))
        yield* TestClock.adjust("60 seconds")
        const deployments = yield* read(nomad, "/v1/job/web/deployments")
        const ours = asList(deployments).find((each) => field(each, "JobVersion") === 1)
        assert.deepStrictEqual([field(ours, "Status"), field(ours, "StatusDescription")], [status, words])
        const allocations = yield* read(nomad, "/v1/job/web/allocations")
        const placed = asList(allocations).find((each) => field(each, "JobVersion") === 1)
        assert.include(eventTypes(placed), event)
        assert.strictEqual(field(placed, "ClientStatus"), client)
        const job = yield* nomad.job("default", "web")
        assert.strictEqual(job?.Version, status === "successful" ? 1 : 2)
        assert.strictEqual(
          field(job, "TaskGroups", 0, "Tasks", 0, "Config", "image"),
          `127.0.0.1:5000/team/web:${status === "successful" ? tag : "v1"}`
        )
      })
    )
  )

  it.effect("a table of patterns goes before the words in the tag", () =>
    withSimulator(
      (nomad) =>
        Effect.gen(function* () {
          yield* put(nomad, image("bad"))
          yield* put(nomad, { ...image("fine"), ID: "other", Name: "other" })
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual(field(yield* read(nomad, "/v1/job/web/deployment"), "Status"), "successful")
          assert.strictEqual(field(yield* read(nomad, "/v1/job/other/deployment"), "Status"), "failed")
        }),
      {
        outcome: byImage([
          [/:bad$/, { _tag: "Healthy" }],
          [/:fine$/, { _tag: "Exits", code: 2 }]
        ])
      }
    )
  )

  it.effect(
    "an image that cannot be pulled is told in the driver's words, 4 seconds before its allocation ends",
    () =>
      withSimulator((nomad) =>
        Effect.gen(function* () {
          yield* put(nomad, image("nopull"))
          yield* TestClock.adjust("3 seconds")
          const early = field(yield* read(nomad, "/v1/job/web/allocations"), 0)
          assert.deepStrictEqual(
            [field(early, "ClientStatus"), field(early, "TaskStates", "web", "State")],
            ["pending", "dead"]
          )
          yield* TestClock.adjust("2 seconds")
          const late = field(yield* read(nomad, "/v1/job/web/allocations"), 0)
          assert.strictEqual(field(late, "ClientStatus"), "failed")
          assert.match(
            JSON.stringify(late, (_, value) => (typeof value === "bigint" ? Number(value) : value)),
            /Failed to pull `127\.0\.0\.1:5000\/team\/web:nopull`: .* manifest unknown/
          )
        })
      )
  )

  it.effect("the same seed gives the same life, to the byte", () =>
    Effect.gen(function* () {
      const life = withSimulator((nomad) =>
        Effect.gen(function* () {
          yield* put(nomad, image("v1"))
          yield* TestClock.adjust("10 seconds")
          yield* put(nomad, image("crash"))
          yield* TestClock.adjust("20 seconds")
          const answered = yield* nomad.handle({
            method: "GET",
            path: "/v1/job/web/allocations",
            query: new URLSearchParams(),
            body: ""
          })
          return answered?.body ?? ""
        })
      )
      yield* TestClock.setTime(0)
      const first = yield* life
      assert.isAbove(first.length, 1000)
      yield* TestClock.setTime(0)
      assert.strictEqual(yield* life, first)
    })
  )
})

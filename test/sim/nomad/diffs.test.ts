import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { NomadSimulator } from "../../../src/sim/NomadSimulator.ts"
import { asList } from "../../../src/sim/nomad/Job.ts"
import { isObject, type Json, type JsonObject, parseJson } from "../../../src/sim/nomad/Json.ts"

type Nomad = NomadSimulator["Service"]

const recorded = (name: string): JsonObject =>
  parseJson(
    readFileSync(new URL(`../../fixtures/nomad/${name}.json`, import.meta.url), "utf8")
  ) as unknown as JsonObject
const fixture = recorded("fixture")["Job"] as JsonObject

const withSimulator = <A>(use: (nomad: Nomad) => Effect.Effect<A>) =>
  Effect.flatMap(NomadSimulator, use).pipe(Effect.provide(Layer.fresh(NomadSimulator.layer())))

const ask = (nomad: Nomad, method: string, path: string, body?: object) =>
  Effect.gen(function* () {
    const url = new URL(path, nomad.url)
    const text = body === undefined ? "" : JSON.stringify(body)
    const answered = yield* nomad.handle({ method, path: url.pathname, query: url.searchParams, body: text })
    assert.strictEqual(answered?.status, 200, answered?.body)
    return parseJson(answered?.body ?? "") as unknown as JsonObject
  })

/** The job with other parts in its one group and its one task. */
const edited = (job: object, group: object, task: object) => (base: JsonObject) => {
  const [own] = asList(base["TaskGroups"]) as ReadonlyArray<JsonObject>
  const [first] = asList(own?.["Tasks"]) as ReadonlyArray<JsonObject>
  return { ...base, ...job, TaskGroups: [{ ...own, ...group, Tasks: [{ ...first, ...task }] }] }
}

/** The order of a diff's objects is no part of what it says. */
const sorted = (value: Json | undefined): Json => {
  if (Array.isArray(value)) {
    return value.map(sorted).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  if (!isObject(value)) return value ?? null
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key])])
  )
}

/** Why group `g` cannot be placed, without what is measured. */
const counted = (value: JsonObject) => {
  const { g } = value["FailedTGAllocs"] as Readonly<Record<string, JsonObject>>
  return { ...g, AllocationTime: 0 }
}

describe("plans and diffs are those that a real agent recorded", () => {
  const plans: ReadonlyArray<readonly [name: string, change: (base: JsonObject) => object]> = [
    ["plan-no-change", edited({}, {}, {})],
    ["plan-destructive", edited({}, {}, { Env: { A: "1", N: "1" } })],
    ["plan-in-place", edited({ Priority: 60 }, {}, {})],
    ["plan-in-place-count", edited({}, { Count: 3 }, {})]
  ]
  it.effect.each(plans)("%s", ([name, change]) =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* ask(nomad, "POST", "/v1/jobs", { Job: fixture })
        yield* TestClock.adjust("10 seconds")
        const Job = change(yield* ask(nomad, "GET", "/v1/job/ca-web"))
        const plan = yield* ask(nomad, "POST", "/v1/job/ca-web/plan", { Job, Diff: true })
        const wanted = recorded(name)
        assert.deepStrictEqual(Object.keys(plan), Object.keys(wanted).toSorted())
        for (const key of ["Annotations", "CreatedEvals", "FailedTGAllocs", "Diff"]) {
          assert.deepStrictEqual(sorted(plan[key]), sorted(wanted[key]), key)
        }
        assert.strictEqual((yield* nomad.job("default", "ca-web"))?.Version, 0)
      })
    )
  )

  it.effect("versions-diffs-after-revert", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* ask(nomad, "POST", "/v1/jobs", { Job: fixture })
        yield* TestClock.adjust("10 seconds")
        const bad = edited({}, {}, { Config: { command: "/bin/false" } })(fixture)
        yield* ask(nomad, "POST", "/v1/jobs", { Job: bad })
        yield* TestClock.adjust("20 seconds")
        const { Diffs } = yield* ask(nomad, "GET", "/v1/job/ca-web/versions?diffs=true")
        assert.deepStrictEqual(sorted(Diffs), sorted(recorded("versions-diffs-after-revert")["Diffs"]))
      })
    )
  )

  it.effect("what cannot be placed is planned as that", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const Constraints = [{ LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "plan9" }]
        const Job = { ...edited({}, { Constraints }, {})(fixture), ID: "ca-stuck", Name: "ca-stuck" }
        const plan = yield* ask(nomad, "POST", "/v1/job/ca-stuck/plan", { Job, Diff: false })
        const wanted = recorded("plan-unplaceable")
        assert.deepStrictEqual(counted(plan), counted(wanted))
        assert.deepStrictEqual(plan["Annotations"], wanted["Annotations"])
        const [blocked] = asList(plan["CreatedEvals"]) as ReadonlyArray<JsonObject>
        assert.strictEqual(blocked?.["StatusDescription"], "created to place remaining allocations")
        assert.isUndefined(yield* nomad.job("default", "ca-stuck"))
      })
    )
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { type JsonObject, textOf } from "../../../src/sim/nomad/Json.ts"
import { ask, listOf, type Nomad, withNomad } from "./asking.ts"

const job = (A: string, rest: Partial<Parameters<typeof fixtureJob>[0]> = {}) =>
  fixtureJob({ id: "web", count: 0, env: { A }, ...rest })
const post = (nomad: Nomad, Job: JsonObject, more: JsonObject = {}) =>
  ask(nomad, "POST", "/v1/jobs", { Job, ...more })
const outcome = ({ status, body }: { readonly status: number; readonly body: string }) => [status, body]
const latest = (nomad: Nomad) => Effect.map(ask(nomad, "GET", "/v1/job/web/deployment"), ({ json }) => json)
const groupOf = (deployment: JsonObject) => (deployment["TaskGroups"] as JsonObject)["g"] as JsonObject
const none = "00000000-1111-4222-8333-444444444444"

describe("versions", () => {
  it.effect("are shown against a fixed one, by number or tag", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        for (const A of ["1", "2", "3"]) yield* post(nomad, job(A))
        yield* ask(nomad, "POST", "/v1/job/web/versions/rel/tag", { Version: 0 })
        const types = (query: string) =>
          Effect.map(ask(nomad, "GET", `/v1/job/web/versions?diffs=true${query}`), ({ json, status, body }) =>
            status === 200
              ? (json["Diffs"] as ReadonlyArray<JsonObject>).map(({ Type }) => Type)
              : [status, body]
          )
        assert.deepStrictEqual(yield* types(""), ["Edited", "Edited"])
        assert.deepStrictEqual(yield* types("&diff_version=1"), ["Edited", "None", "Edited"])
        assert.deepStrictEqual(yield* types("&diff_tag=rel"), ["Edited", "Edited", "None"])
        assert.deepStrictEqual(yield* types("&diff_version=9"), [500, "version 9 not found"])
        assert.deepStrictEqual(yield* types("&diff_tag=nope"), [500, 'tag "nope" not found'])
      })
    )
  )

  it.effect(
    "T20: an old one that is called stable is the job again, and the next register writes over history",
    () =>
      withNomad((nomad) =>
        Effect.gen(function* () {
          for (const A of ["1", "2", "3"]) yield* post(nomad, job(A))
          const stable = { JobID: "web", JobVersion: 0, Stable: true }
          assert.strictEqual((yield* ask(nomad, "POST", "/v1/job/web/stable", stable)).status, 200)
          const found = (yield* ask(nomad, "GET", "/v1/job/web")).json
          assert.deepStrictEqual([found["Version"], found["Stable"], found["JobModifyIndex"]], [0, true, 2])
          yield* post(nomad, job("4"))
          assert.strictEqual((yield* ask(nomad, "GET", "/v1/job/web")).json["Version"], 1)
          const unknown = yield* ask(nomad, "POST", "/v1/job/web/stable", { ...stable, JobVersion: 9 })
          assert.deepStrictEqual(outcome(unknown), [
            500,
            'job "web" in namespace "default" at version 9 not found'
          ])
        })
      )
  )
})

const manual = (nomad: Nomad) =>
  Effect.gen(function* () {
    yield* post(nomad, job("1", { count: 2, update: { HealthCheck: "manual", MaxParallel: 2 } }))
    yield* TestClock.adjust("2 seconds")
    const DeploymentID = textOf((yield* latest(nomad))["ID"])
    const [one, two] = listOf(yield* ask(nomad, "GET", "/v1/job/web/allocations")).map(({ ID }) => textOf(ID))
    const set = (body: JsonObject) =>
      ask(nomad, "POST", `/v1/deployment/allocation-health/${DeploymentID}`, { DeploymentID, ...body })
    return { DeploymentID, one, two, set }
  })

describe("deployments by hand", () => {
  it.effect("an allocation is healthy because somebody says so; all of them end the deployment", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        const { one, two, set } = yield* manual(nomad)
        assert.strictEqual((yield* set({ HealthyAllocationIDs: [one ?? ""] })).status, 200)
        assert.strictEqual(groupOf(yield* latest(nomad))["HealthyAllocs"], 1)
        yield* set({ HealthyAllocationIDs: [two ?? ""] })
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* latest(nomad))["Status"], "successful")
      })
    )
  )

  it.effect("one that is not fails the deployment at once, without words about a stable version", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        const { one, set } = yield* manual(nomad)
        const { status, json } = yield* set({ UnhealthyAllocationIDs: [one ?? ""] })
        assert.deepStrictEqual([status, json["RevertedJobVersion"]], [200, null])
        const failed = yield* latest(nomad)
        assert.deepStrictEqual(
          [failed["Status"], failed["StatusDescription"]],
          ["failed", "Failed due to unhealthy allocations"]
        )
        assert.deepStrictEqual(outcome(yield* set({ HealthyAllocationIDs: [one ?? ""] })), [
          500,
          "can't set health of allocations for a terminal deployment"
        ])
      })
    )
  )

  it.effect("what is refused", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        const { DeploymentID, set } = yield* manual(nomad)
        const words = "must specify at least one healthy/unhealthy allocation ID"
        assert.deepStrictEqual(outcome(yield* set({})), [500, words])
        assert.deepStrictEqual(outcome(yield* set({ HealthyAllocationIDs: [none] })), [
          500,
          `unknown alloc "${none}"`
        ])
        const unblock = (body: JsonObject) =>
          ask(nomad, "POST", `/v1/deployment/unblock/${DeploymentID}`, body)
        assert.deepStrictEqual(outcome(yield* unblock({})), [400, "DeploymentID must be specified"])
        assert.strictEqual((yield* unblock({ DeploymentID })).json["Index"], 0)
        const fails = yield* ask(nomad, "POST", "/v1/deployment/fail/abc")
        assert.deepStrictEqual(outcome(fails), [
          500,
          "deployment lookup failed: index error: UUID must be 36 characters"
        ])
      })
    )
  )

  it.effect(
    "a pause gives a deadline to what nothing was placed of, and a resume drops the words about canaries",
    () =>
      withNomad((nomad) =>
        Effect.gen(function* () {
          yield* nomad.setOutcome({ job: "web", outcome: { _tag: "Unplaceable" } })
          yield* post(nomad, job("1", { count: 1 }))
          yield* TestClock.adjust("1 second")
          const DeploymentID = textOf((yield* latest(nomad))["ID"])
          assert.isNull(groupOf(yield* latest(nomad))["RequireProgressBy"])
          yield* ask(nomad, "POST", `/v1/deployment/pause/${DeploymentID}`, { DeploymentID, Pause: true })
          assert.isString(groupOf(yield* latest(nomad))["RequireProgressBy"])
          yield* TestClock.adjust("1 minute")
          assert.strictEqual((yield* latest(nomad))["Status"], "paused")
          yield* ask(nomad, "POST", `/v1/deployment/pause/${DeploymentID}`, { DeploymentID, Pause: false })
          yield* TestClock.adjust("11 seconds")
          assert.strictEqual((yield* latest(nomad))["Status"], "failed")
        })
      )
  )
})

describe("lists and looks", () => {
  it.effect("evaluations and allocations are listed, filtered and paged, the oldest first", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* post(nomad, job("1", { count: 1 }))
        yield* post(nomad, { ...job("1"), ID: "other", Name: "other" })
        yield* TestClock.adjust("1 second")
        const first = yield* ask(nomad, "GET", "/v1/evaluations?per_page=1")
        assert.deepStrictEqual(
          listOf(first).map(({ JobID }) => JobID),
          ["web"]
        )
        const next = first.headers["X-Nomad-Nexttoken"] ?? ""
        assert.match(next, /^\d+\.[\da-f-]{36}$/)
        const second = yield* ask(nomad, "GET", `/v1/evaluations?per_page=1&next_token=${next}`)
        assert.deepStrictEqual(
          listOf(second).map(({ JobID }) => JobID),
          ["other"]
        )
        const filter = encodeURIComponent("JobID == other")
        assert.lengthOf(listOf(yield* ask(nomad, "GET", `/v1/evaluations?filter=${filter}`)), 1)
        assert.lengthOf(listOf(yield* ask(nomad, "GET", "/v1/allocations")), 1)
        const wrong = yield* ask(nomad, "GET", `/v1/jobs/statuses?filter=${encodeURIComponent("Bogus == 1")}`)
        assert.strictEqual(wrong.status, 500)
      })
    )
  )

  it.effect("how far a group is, and who scaled it", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* post(nomad, job("1", { count: 1 }))
        yield* TestClock.adjust("5 seconds")
        yield* ask(nomad, "POST", "/v1/job/web/scale", { Target: { Group: "g" }, Count: 2, Message: "more" })
        yield* TestClock.adjust("5 seconds")
        const { json } = yield* ask(nomad, "GET", "/v1/job/web/scale")
        const group = groupOf(json)
        assert.deepInclude(group, { Desired: 2, Placed: 2, Running: 2, Healthy: 2, Unhealthy: 0 })
        const [event] = group["Events"] as ReadonlyArray<JsonObject>
        assert.deepInclude(event ?? {}, { Count: 2, PreviousCount: 1, Message: "more" })
      })
    )
  )

  it.effect("a scaling keeps to the group's own policy, and without a count is only told", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        const Scaling = { Min: 0, Max: 3 }
        yield* post(nomad, job("1", { group: { Scaling } }))
        const scale = (body: JsonObject) => ask(nomad, "POST", "/v1/job/web/scale", body)
        const Target = { Group: "g" }
        for (const [body, words] of [
          [{ Target: {}, Count: 1 }, "missing task group name for scaling action"],
          [{ Target, Count: 4 }, "group count was greater than scaling policy maximum: 4 > 3"],
          [{ Target, Count: -1 }, "group count was less than scaling policy minimum: -1 < 0"]
        ] as const) {
          assert.deepStrictEqual(outcome(yield* scale(body)), [400, words])
        }
        const wider = job("1", { group: { Scaling: { Min: 0, Max: 9 } } })
        const plan = yield* ask(nomad, "POST", "/v1/job/web/plan", { Job: wider, Diff: true })
        const [group] = (plan.json["Diff"] as JsonObject)["TaskGroups"] as ReadonlyArray<JsonObject>
        const max = { Annotations: null, Name: "Max", Type: "Edited", Old: "3", New: "9" }
        assert.deepStrictEqual<unknown>(group?.["Objects"], [
          { Name: "Scaling", Type: "Edited", Fields: [max], Objects: null }
        ])
        const { json } = yield* scale({ Target })
        assert.deepStrictEqual([json["EvalID"], json["EvalCreateIndex"]], ["", 0])
        assert.strictEqual((yield* ask(nomad, "GET", "/v1/job/web")).json["Version"], 0)
        const tight = yield* post(nomad, job("1", { group: { Scaling: { Min: 5, Max: 3 } } }))
        const policy = [
          "maximum count must not be less than minimum count",
          "task group count must not be less than minimum count in scaling policy"
        ]
        for (const words of policy) assert.include(tight.body, `Scaling policy invalid: ${words}`)
      })
    )
  )

  it.effect("one more look of the scheduler can be asked for", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* post(nomad, job("1"))
        const { status, json } = yield* ask(nomad, "POST", "/v1/job/web/evaluate", { JobID: "web" })
        assert.deepStrictEqual([status, json["EvalCreateIndex"] === json["Index"]], [200, true])
        assert.deepStrictEqual(outcome(yield* ask(nomad, "POST", "/v1/job/none/evaluate")), [
          500,
          "job not found"
        ])
      })
    )
  )

  it.effect("logs that are followed come as they are written", () =>
    withNomad((nomad) =>
      Effect.gen(function* () {
        yield* nomad.setOutcome({ job: "web", outcome: { _tag: "Exits", code: 1, stdout: "again\n" } })
        const restarts = { RestartPolicy: { Attempts: 1, Mode: "fail", Interval: 60e9, Delay: 5e9 } }
        yield* post(nomad, job("1", { count: 1, group: restarts }))
        yield* TestClock.adjust("1 second")
        const [allocation] = listOf(yield* ask(nomad, "GET", "/v1/job/web/allocations"))
        const answer = yield* nomad.handle({
          method: "GET",
          path: `/v1/client/fs/logs/${textOf(allocation?.["ID"])}`,
          query: new URLSearchParams("task=t&type=stdout&plain=true&follow=true"),
          body: ""
        })
        let said = ""
        const open = yield* Effect.forkChild(
          answer?.lines?.((text) => void (said += text)) ?? Effect.die("no stream")
        )
        yield* TestClock.adjust(0)
        assert.strictEqual(said, "again\n")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(said, "again\nagain\n")
        yield* Fiber.interrupt(open)
      })
    )
  )
})

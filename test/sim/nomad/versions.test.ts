import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { fixtureJob, type NomadOptions, NomadSimulator } from "../../../src/sim/NomadSimulator.ts"
import { isObject, type Json, type JsonObject, parseJson, textOf } from "../../../src/sim/nomad/Json.ts"

type Nomad = NomadSimulator["Service"]

const withServer = <A>(
  version: string,
  use: (nomad: Nomad) => Effect.Effect<A>,
  options: NomadOptions = {}
): Effect.Effect<A> =>
  Effect.flatMap(NomadSimulator, use).pipe(
    Effect.provide(NomadSimulator.layer({ version, ...options })),
    Effect.orDie
  )

const call = (nomad: Nomad, method: string, path: string, body?: Json, query = "") =>
  Effect.map(
    nomad.handle({
      method,
      path,
      query: new URLSearchParams(query),
      body: body === undefined ? "" : JSON.stringify(body)
    }),
    (answer) => ({ status: answer?.status ?? 0, body: answer?.body ?? "" })
  )
const register = (nomad: Nomad, Job: JsonObject, more: JsonObject = {}) =>
  call(nomad, "POST", "/v1/jobs", { Job, ...more })
const job = (A: string, rest: Partial<Parameters<typeof fixtureJob>[0]> = {}) =>
  fixtureJob({ id: "web", count: 0, env: { A }, ...rest })
const stored = (nomad: Nomad) => Effect.map(nomad.job("default", "web"), (found) => found as JsonObject)
const groupOf = (found: JsonObject): JsonObject => (found["TaskGroups"] as ReadonlyArray<JsonObject>)[0] ?? {}

const taskOf = (nomad: Nomad) =>
  Effect.map(stored(nomad), (found) => (groupOf(found)["Tasks"] as ReadonlyArray<JsonObject>)[0] ?? {})
const withCpu = (CPU: number) => ({ task: { Resources: { CPU, MemoryMB: 16 } } })

/** What is seen of a server, and what each side of a version shows. */
type Case = readonly [
  what: string,
  before: string,
  since: string,
  see: (nomad: Nomad) => Effect.Effect<unknown>,
  old: unknown,
  now: unknown
]

const cases: ReadonlyArray<Case> = [
  [
    "a register's check-and-set holds until the log is applied",
    "2.0.0",
    "2.0.1",
    (nomad) =>
      Effect.gen(function* () {
        yield* register(nomad, job("1"))
        const JobModifyIndex = Number((yield* stored(nomad))["JobModifyIndex"])
        const cas = { EnforceIndex: true, JobModifyIndex }
        yield* nomad.inject({ _tag: "SlowLog", millis: 10, times: 1 })
        const slow = yield* Effect.forkChild(register(nomad, job("2"), cas))
        yield* TestClock.adjust(0)
        const other = yield* register(nomad, job("3"), cas)
        yield* TestClock.adjust(10)
        const { status } = yield* Fiber.join(slow)
        return [other.status, status, ((yield* taskOf(nomad))["Env"] as JsonObject)["A"]]
      }),
    // The other's register is written over, and nobody is told.
    [200, 200, "2"],
    [200, 500, "3"]
  ],
  [
    "`Version` in the body names the source that is inherited",
    "1.11.3",
    "2.0.0",
    (nomad) =>
      Effect.gen(function* () {
        yield* register(nomad, job("1"), { Submission: { Source: "one", Format: "hcl2" } })
        yield* register(nomad, job("2"), { Submission: { Source: "two", Format: "hcl2" } })
        yield* register(nomad, { ...job("3"), Version: 1 })
        const { body } = yield* call(nomad, "GET", "/v1/job/web/submission", undefined, "version=2")
        return (parseJson(body) as JsonObject)["Source"]
      }),
    "one",
    "two"
  ],
  [
    "the source of a register is kept",
    "1.5.17",
    "1.6.0",
    (nomad) =>
      Effect.gen(function* () {
        yield* register(nomad, job("1"), { Submission: { Source: "one", Format: "hcl2" } })
        const read = yield* call(nomad, "GET", "/v1/job/web/submission", undefined, "version=0")
        return read.status === 200 ? 200 : read.body
      }),
    "job not found",
    200
  ],
  [
    "an identity of a task's own adds its constraint",
    "1.6.10",
    "1.7.0",
    (nomad) =>
      Effect.gen(function* () {
        const task = { Identities: [{ Name: "own", Audience: ["a"] }] }
        yield* register(nomad, job("1", { task }))
        return (groupOf(yield* stored(nomad))["Constraints"] as ReadonlyArray<Json> | null)?.length ?? 0
      }),
    0,
    1
  ],
  [
    "a job has a UI block",
    "1.7.7",
    "1.8.0",
    (nomad) =>
      Effect.gen(function* () {
        yield* register(nomad, job("1", { job: { UI: { Description: "d", Links: null } } }))
        const { status } = yield* call(nomad, "GET", "/v1/jobs/statuses")
        return [isObject((yield* stored(nomad))["UI"]), status]
      }),
    [false, 404],
    [true, 200]
  ],
  [
    "versions can be tagged",
    "1.8.4",
    "1.9.0",
    (nomad) =>
      Effect.gen(function* () {
        yield* register(nomad, job("1", { job: { VersionTag: { Name: "a" } } }))
        const { status } = yield* call(nomad, "POST", "/v1/job/web/versions/rel/tag", { Version: 0 })
        return [status, ((yield* stored(nomad))["VersionTag"] as JsonObject | null)?.["Name"] ?? null]
      }),
    [400, null],
    [200, "rel"]
  ],
  [
    "a tag can be on the latest version",
    "2.0.0",
    "2.0.1",
    (nomad) =>
      Effect.gen(function* () {
        yield* register(nomad, job("1"))
        yield* register(nomad, job("2"))
        yield* call(nomad, "POST", "/v1/job/web/versions/rel/tag", { Latest: true })
        return (yield* stored(nomad))["VersionTag"] === null
      }),
    true,
    false
  ],
  [
    "resources are preserved where a register asks for that",
    "1.10.5",
    "1.11.0",
    (nomad) =>
      Effect.gen(function* () {
        yield* register(nomad, job("1", withCpu(20)))
        yield* register(nomad, job("2", withCpu(50)), { PreserveResources: true })
        return ((yield* taskOf(nomad))["Resources"] as JsonObject)["CPU"]
      }),
    50,
    20
  ],
  [
    "a system job has an update strategy by default",
    "1.10.5",
    "1.11.0",
    (nomad) =>
      Effect.gen(function* () {
        const group = { ReschedulePolicy: null, Update: null, Migrate: null }
        yield* register(nomad, job("1", { job: { Type: "system" }, group }))
        return isObject(groupOf(yield* stored(nomad))["Update"])
      }),
    false,
    true
  ],
  [
    "a paused deployment has its progress deadline moved",
    "2.0.0",
    "2.0.1",
    (nomad) =>
      Effect.gen(function* () {
        yield* register(nomad, job("1", { count: 1, update: { HealthCheck: "manual" } }))
        yield* TestClock.adjust("5 seconds")
        const latest = Effect.map(
          call(nomad, "GET", "/v1/job/web/deployment"),
          ({ body }) => parseJson(body) as JsonObject
        )
        const DeploymentID = textOf((yield* latest)["ID"])
        yield* call(nomad, "POST", `/v1/deployment/pause/${DeploymentID}`, { DeploymentID, Pause: true })
        yield* TestClock.adjust("6 seconds")
        return (yield* latest)["Status"]
      }),
    "failed",
    "paused"
  ],
  [
    "no token is needed for a job that uses Vault",
    "1.9.7",
    "1.10.0",
    (nomad) =>
      Effect.gen(function* () {
        const given = job("1", { task: { Vault: { Cluster: "default", Role: "r" } } })
        const without = yield* register(nomad, given)
        const withOne = yield* register(nomad, { ...given, VaultToken: "s.1" })
        return [without.body.startsWith("1 error") ? without.body : without.status, withOne.status]
      }),
    ["1 error occurred:\n\t* Vault used in the job but missing Vault token\n\n", 200],
    [200, 200]
  ],
  [
    "no token is needed for a job that uses Consul",
    "1.9.7",
    "1.10.0",
    (nomad) =>
      Effect.gen(function* () {
        const given = job("1", { group: { Services: [{ Name: "web", Provider: "consul" }] } })
        const without = yield* register(nomad, given)
        const withOne = yield* register(nomad, { ...given, ConsulToken: "c" })
        return [without.status === 500 ? without.body : without.status, withOne.status]
      }),
    ["job-submitter consul token denied: missing consul token", 200],
    [200, 200]
  ]
]

describe("servers of a version", () => {
  for (const [what, before, since, see, old, now] of cases) {
    const tokens = { requiresTokens: { vault: true, consul: true } }
    it.effect(`${what}: not yet in ${before}`, () =>
      withServer(
        before,
        (nomad) => Effect.map(see(nomad), (seen) => assert.deepStrictEqual(seen, old)),
        tokens
      )
    )
    it.effect(`${what}: in ${since}`, () =>
      withServer(
        since,
        (nomad) => Effect.map(see(nomad), (seen) => assert.deepStrictEqual(seen, now)),
        tokens
      )
    )
  }

  it.effect("what is no version is refused", () =>
    Effect.gen(function* () {
      const failed = yield* Effect.flip(
        Effect.provide(Effect.asVoid(NomadSimulator), NomadSimulator.layer({ version: "2.0" }))
      )
      assert.strictEqual(failed.message, "2.0 is no version such as 2.0.6")
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import {
  type NomadOptions,
  NomadSimulator,
  type Outcome,
  type OutcomeRule,
  sampleJob
} from "../../../src/sim/NomadSimulator.ts"
import { asList } from "../../../src/sim/nomad/Job.ts"
import { isObject, type Json, type JsonObject, parseJson, textOf } from "../../../src/sim/nomad/Json.ts"

type Nomad = NomadSimulator["Service"]

const withSimulator = <A, E>(use: (nomad: Nomad) => Effect.Effect<A, E>, options: NomadOptions = {}) =>
  Effect.flatMap(NomadSimulator, use).pipe(Effect.provide(Layer.fresh(NomadSimulator.layer(options))))

const get = (nomad: Nomad, path: string) => {
  const url = new URL(path, nomad.url)
  return Effect.map(
    nomad.handle({ method: "GET", path: url.pathname, query: url.searchParams, body: "" }),
    (answered) => ({ status: answered?.status, body: answered?.body ?? "" })
  )
}
const read = (nomad: Nomad, path: string) => Effect.map(get(nomad, path), ({ body }) => parseJson(body))
const field = (value: Json | undefined, ...keys: ReadonlyArray<string | number>): Json | undefined =>
  keys.reduce<Json | undefined>(
    (at, key) => (Array.isArray(at) ? at[Number(key)] : isObject(at) ? at[key] : undefined),
    value
  )
/** The job with that many restarts within 30 seconds. */
const withTries = (job: JsonObject, Attempts: number): JsonObject => {
  const RestartPolicy = { Attempts, Mode: "fail", Interval: 30e9, Delay: 1e9 }
  const groups = asList(job["TaskGroups"]) as ReadonlyArray<JsonObject>
  return { ...job, TaskGroups: groups.map((group) => ({ ...group, RestartPolicy })) }
}
const image = "127.0.0.1:5000/team/web:v1"
const digested = `127.0.0.1:5000/team/web:v1@sha256:${"0".repeat(64)}`
const pull = (of: string, words: string) => `Failed to pull \`${of}\`: Error response from daemon: ${words}`

/** The one allocation of job `web` after its outcome has come. */
const outcomeOf = (nomad: Nomad, of = image) =>
  Effect.gen(function* () {
    yield* nomad.register(sampleJob({ id: "web", image: of }))
    yield* TestClock.adjust("20 seconds")
    return field(yield* read(nomad, "/v1/job/web/allocations"), 0)
  })
const eventsOf = (allocation: Json | undefined, task = "web") =>
  asList(field(allocation, "TaskStates", task, "Events")) as ReadonlyArray<JsonObject>
/** Type, words and details of the events of these types. */
const tellingOf = (allocation: Json | undefined, types: ReadonlyArray<string>) =>
  eventsOf(allocation)
    .filter((each) => types.includes(textOf(each["Type"])))
    .map((each) => [each["Type"], each["DisplayMessage"], each["Details"]])
const failing = ["Driver Failure", "Terminated", "Alloc Unhealthy"]

const first = (nomad: Nomad, job: string) =>
  Effect.map(read(nomad, `/v1/job/${job}/allocations`), (all) => field(all, 0))
/** Types, words and details; the delay of a restart has a part by chance. */
const steady = (events: ReadonlyArray<JsonObject>) =>
  events.map(({ Type, DisplayMessage, Details }) =>
    Type === "Restarting" ? [Type] : [Type, DisplayMessage, Details]
  )
describe("what makes an allocation fail, as Nomad tells it", () => {
  const host = "127.0.0.1:5000"
  const pulls: ReadonlyArray<
    readonly [Extract<Outcome, { readonly _tag: "PullFails" }>["reason"] & string, string, string]
  > = [
    ["manifest unknown", image, `manifest for ${image} not found: manifest unknown: manifest unknown`],
    [
      "access denied",
      image,
      `pull access denied for ${host}/team/web, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`
    ],
    ["no credentials", image, `Head "https://${host}/v2/team/web/manifests/v1": no basic auth credentials`],
    [
      "unauthorized",
      digested,
      `Head "https://${host}/v2/team/web/manifests/sha256:${"0".repeat(64)}": unauthorized: authentication required`
    ],
    ["connection refused", image, `Get "https://${host}/v2/": dial tcp ${host}: connect: connection refused`],
    ["no such host", image, `Get "https://${host}/v2/": dial tcp: lookup 127.0.0.1: no such host`],
    ["server error", image, "received unexpected HTTP status: 500 Internal Server Error"],
    [
      "timeout",
      "team/web",
      'Get "https://registry-1.docker.io/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)'
    ]
  ]
  it.effect.each(pulls)("a pull that fails with %s", ([reason, of, words]) =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.setOutcome({ outcome: { _tag: "PullFails", reason } })
        const allocation = yield* outcomeOf(nomad, of)
        const told = pull(of, words)
        assert.deepStrictEqual(tellingOf(allocation, ["Driver Failure"]), [
          ["Driver Failure", told, { driver_error: told }]
        ])
        assert.deepStrictEqual(
          [field(allocation, "ClientStatus"), field(allocation, "TaskStates", "web", "StartedAt")],
          ["failed", null]
        )
      })
    )
  )

  const ends: ReadonlyArray<readonly [Outcome, string, string, Readonly<Record<string, string>>]> = [
    [
      { _tag: "Exits", code: 3 },
      "Terminated",
      'Exit Code: 3, Exit Message: "Docker container exited with non-zero exit code: 3"',
      {
        exit_code: "3",
        signal: "0",
        oom_killed: "false",
        exit_message: "Docker container exited with non-zero exit code: 3"
      }
    ],
    [
      { _tag: "OutOfMemory" },
      "Terminated",
      'Exit Code: 137, Exit Message: "OOM Killed"',
      { exit_code: "137", signal: "0", oom_killed: "true", exit_message: "OOM Killed" }
    ],
    [
      { _tag: "NeverHealthy" },
      "Alloc Unhealthy",
      "Services not healthy by deadline: web",
      { message: "Services not healthy by deadline: web" }
    ],
    [
      { _tag: "StartFails", words: "image name required for docker driver", isRecoverable: false },
      "Driver Failure",
      "image name required for docker driver",
      { driver_error: "image name required for docker driver" }
    ]
  ]
  it.effect.each(ends)("%j is told as %s", ([outcome, type, words, details]) =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.setOutcome({ outcome })
        assert.deepStrictEqual(tellingOf(yield* outcomeOf(nomad), failing)[0], [type, words, details])
      })
    )
  )

  it.effect("a missing image that is tried twice has the events that a real client recorded", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const file = new URL("../../fixtures/nomad/allocation-image-missing.json", import.meta.url)
        const recorded = parseJson(readFileSync(file, "utf8"))
        const missing = "127.0.0.1:5000/ca/none:1"
        yield* nomad.setOutcome({ outcome: { _tag: "PullFails" } })
        yield* nomad.register(withTries(sampleJob({ id: "web", image: missing, task: "t" }), 1))
        yield* TestClock.adjust("20 seconds")
        const ours = field(yield* read(nomad, "/v1/job/web/allocations"), 0)
        assert.deepStrictEqual(steady(eventsOf(ours, "t")), steady(eventsOf(recorded, "t")))
        const end = (allocation: Json | undefined) => [
          field(allocation, "ClientStatus"),
          ...["State", "Failed", "Restarts", "StartedAt"].map((key) =>
            field(allocation, "TaskStates", "t", key)
          )
        ]
        assert.deepStrictEqual(end(ours), end(recorded))
      })
    )
  )

  it.effect.each([
    [true, 2],
    [false, 1]
  ] as const)("a start that fails is tried again while that may help: %s", ([isRecoverable, tries]) =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.setOutcome({ outcome: { _tag: "StartFails", words: "no", isRecoverable } })
        yield* nomad.register(withTries(sampleJob({ id: "web", image }), 1))
        yield* TestClock.adjust("20 seconds")
        const allocation = field(yield* read(nomad, "/v1/job/web/allocations"), 0)
        assert.strictEqual(tellingOf(allocation, ["Driver Failure"]).length, tries)
        assert.strictEqual(
          tellingOf(allocation, ["Not Restarting"])[0]?.[1],
          isRecoverable
            ? 'Exceeded allowed attempts 1 in interval 30s and mode is "fail"'
            : "Error was unrecoverable"
        )
      })
    )
  )

  it.effect("a tag's words tell of memory, of the registry and of room", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        for (const tag of ["outofmemory", "noregistry", "noroom"]) {
          yield* nomad.register(sampleJob({ id: tag, task: "web", image: `team/web:${tag}` }))
        }
        yield* TestClock.adjust("20 seconds")
        assert.include(JSON.stringify(tellingOf(yield* first(nomad, "outofmemory"), failing)), "OOM Killed")
        assert.include(
          JSON.stringify(tellingOf(yield* first(nomad, "noregistry"), failing)),
          "HTTP status: 500"
        )
        assert.isUndefined(yield* first(nomad, "noroom"))
      })
    )
  )
})

describe("room", () => {
  const placements: ReadonlyArray<
    readonly [Extract<Outcome, { readonly _tag: "Unplaceable" }>, string, JsonObject]
  > = [
    [{ _tag: "Unplaceable" }, "DimensionExhausted", { memory: 1 }],
    [{ _tag: "Unplaceable", exhausted: "cpu" }, "DimensionExhausted", { cpu: 1 }],
    [
      { _tag: "Unplaceable", constraint: "${meta.disk} = ssd" },
      "ConstraintFiltered",
      { "${meta.disk} = ssd": 1 }
    ]
  ]
  it.effect.each(placements)(
    "%j keeps a job from being placed until there is room",
    ([outcome, key, counts]) =>
      withSimulator((nomad) =>
        Effect.gen(function* () {
          yield* nomad.setOutcome({ job: "web", outcome })
          const { EvalID } = yield* nomad.register(sampleJob({ id: "web", image }))
          yield* TestClock.adjust("20 seconds")
          const evaluation = yield* read(nomad, `/v1/evaluation/${EvalID}`)
          assert.deepStrictEqual(field(evaluation, "FailedTGAllocs", "web", key), counts)
          const waiting = yield* read(nomad, `/v1/evaluation/${textOf(field(evaluation, "BlockedEval"))}`)
          assert.strictEqual(field(waiting, "Status"), "blocked")
          const deployment = read(nomad, "/v1/job/web/deployment")
          assert.deepStrictEqual(
            [
              field(yield* deployment, "Status"),
              field(yield* deployment, "TaskGroups", "web", "RequireProgressBy")
            ],
            ["running", null]
          )
          // Another rule moves nothing here: what is blocked looks again, and goes on waiting.
          yield* nomad.setOutcome({ job: "other", outcome: { _tag: "Healthy" } })
          yield* TestClock.adjust("20 seconds")
          assert.deepStrictEqual(yield* read(nomad, "/v1/job/web/allocations"), [])
          assert.strictEqual(asList(yield* read(nomad, "/v1/job/web/evaluations")).length, 2)
          yield* nomad.clearOutcomes
          yield* TestClock.adjust("20 seconds")
          assert.strictEqual(field(yield* deployment, "Status"), "successful")
          const placed = yield* read(nomad, `/v1/evaluation/${textOf(field(waiting, "ID"))}`)
          assert.strictEqual(field(placed, "Status"), "complete")
        })
      )
  )
})

const statuses = (nomad: Nomad) =>
  Effect.map(read(nomad, "/v1/job/web/allocations"), (all) =>
    asList(all)
      .map((each) => `${textOf(field(each, "TaskGroup"))} ${textOf(field(each, "ClientStatus"))}`)
      .toSorted()
  )
const exits = (code: number, rest: Partial<OutcomeRule> = {}): OutcomeRule => ({
  ...rest,
  outcome: { _tag: "Exits", code }
})
describe("rules of outcomes", () => {
  const others = [{ task: "worker", image: "127.0.0.1:5000/team/worker:v1", group: "worker" }]
  const crash: Outcome = { _tag: "Exits", code: 1 }

  it.effect.each([
    ["task", { task: "worker", outcome: crash }],
    ["group", { group: "worker", outcome: crash }],
    ["image", { image: "team/worker", outcome: crash }]
  ] as ReadonlyArray<readonly [string, OutcomeRule]>)(
    "of two repositories in one job only one fails, told by its %s",
    ([, rule]) =>
      withSimulator((nomad) =>
        Effect.gen(function* () {
          yield* nomad.setOutcome(rule)
          yield* nomad.register(sampleJob({ id: "web", image, others }))
          yield* TestClock.adjust("20 seconds")
          assert.deepStrictEqual(yield* statuses(nomad), ["web running", "worker failed"])
          const deployment = yield* read(nomad, "/v1/job/web/deployment")
          assert.deepStrictEqual(
            [
              field(deployment, "Status"),
              field(deployment, "TaskGroups", "web", "UnhealthyAllocs"),
              field(deployment, "TaskGroups", "worker", "UnhealthyAllocs")
            ],
            ["failed", 0, 1]
          )
        })
      )
  )

  it.effect("a task beside the one that fails is told that its sibling did", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.setOutcome({ task: "worker", outcome: crash })
        const beside = [{ task: "worker", image: "127.0.0.1:5000/team/worker:v1" }]
        yield* nomad.register(sampleJob({ id: "web", image, others: beside }))
        yield* TestClock.adjust("20 seconds")
        const allocation = field(yield* read(nomad, "/v1/job/web/allocations"), 0)
        const failed = (task: string) => field(allocation, "TaskStates", task, "Failed")
        assert.deepStrictEqual([failed("web"), failed("worker")], [false, true])
        assert.deepStrictEqual(
          tellingOf(allocation, ["Sibling Task Failed"]).map(([, words]) => words),
          [`Task's sibling "worker" failed`]
        )
      })
    )
  )

  it.effect("the newest rule counts, as often as it says; then the one before it", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        yield* nomad.setOutcome(exits(1))
        yield* nomad.setOutcome(exits(2, { times: 1, version: 0 }))
        yield* nomad.setOutcome(exits(3, { namespace: "team" }))
        yield* nomad.register(withTries(sampleJob({ id: "web", image, update: { AutoRevert: false } }), 1))
        yield* TestClock.adjust("20 seconds")
        const allocation = field(yield* read(nomad, "/v1/job/web/allocations"), 0)
        const codes = eventsOf(allocation).flatMap((each) =>
          each["Type"] === "Terminated" ? [each["ExitCode"]] : []
        )
        assert.deepStrictEqual(codes, [2, 1])
      })
    )
  )

  it.effect("what a task wrote before it ended is in its log, once for each start", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const written = { stdout: "out\n", stderr: "panic: no database\n" }
        yield* nomad.setOutcome({ outcome: { _tag: "Exits", code: 1, ...written } })
        yield* nomad.register(withTries(sampleJob({ id: "web", image }), 1))
        yield* TestClock.adjust("20 seconds")
        const id = textOf(field(yield* read(nomad, "/v1/job/web/allocations"), 0, "ID"))
        const log = (query: string) =>
          Effect.map(get(nomad, `/v1/client/fs/logs/${id}?task=web&plain=true&${query}`), ({ body }) => body)
        assert.strictEqual(yield* log("type=stderr"), "panic: no database\npanic: no database\n")
        assert.strictEqual(yield* log("type=stdout&origin=end&offset=4"), "out\n")
      })
    )
  )
})

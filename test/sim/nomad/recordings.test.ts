import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { byTag, fixtureJob, NomadSimulator, sampleJob } from "../../../src/sim/NomadSimulator.ts"
import { isObject, type Json, type JsonObject, parseJson, textOf } from "../../../src/sim/nomad/Json.ts"

/** What a real agent answered (`test/fixtures/nomad`). */
const recorded = (name: string): Json =>
  parseJson(readFileSync(new URL(`../../fixtures/nomad/${name}.json`, import.meta.url), "utf8"))

/** Maps whose keys are not Nomad's own, and values that are measured anew each time. */
const free = new Set(["Details", "Scores", "ClassEligibility", "Specs"])

/** Each path in a value, with the kinds of what stands there: a list has one path for all its members. */
const shape = (value: Json | undefined, path = "", into = new Map<string, Set<string>>()) => {
  const kind =
    value === null
      ? "null"
      : Array.isArray(value)
        ? "array"
        : typeof value === "bigint"
          ? "number"
          : typeof value
  into.set(path, (into.get(path) ?? new Set()).add(kind))
  if (Array.isArray(value)) for (const each of value) shape(each, `${path}[]`, into)
  else if (isObject(value)) {
    for (const [key, each] of Object.entries(value)) {
      if (free.has(key)) into.set(`${path}.${key}`, new Set(["free"]))
      else shape(each, `${path}.${key}`, into)
    }
  }
  return into
}

const lines = (value: Json | undefined): ReadonlyArray<string> =>
  [...shape(value)].map(([path, kinds]) => `${path}: ${[...kinds].toSorted().join("|")}`).toSorted()

const sameShape = (
  actual: Json | undefined,
  name: string,
  known: (line: string) => boolean = () => false
) => {
  const wanted = lines(recorded(name)).filter((line) => !known(line))
  const found = lines(actual).filter((line) => !known(line))
  assert.isNotEmpty(found)
  const missing = wanted.filter((line) => !found.includes(line))
  const surplus = found.filter((line) => !wanted.includes(line))
  assert.deepStrictEqual({ missing, surplus }, { missing: [], surplus: [] }, name)
}

const withSimulator = <A>(use: (nomad: NomadSimulator["Service"]) => Effect.Effect<A>) =>
  Effect.flatMap(NomadSimulator, use).pipe(Effect.provide(NomadSimulator.layer({ outcome: byTag })))

const ask = (nomad: NomadSimulator["Service"], method: string, path: string, body: Json = null) =>
  Effect.gen(function* () {
    const url = new URL(path, nomad.url)
    const text = body === null ? "" : JSON.stringify(body)
    const answered = yield* nomad.handle({ method, path: url.pathname, query: url.searchParams, body: text })
    assert.isDefined(answered)
    assert.strictEqual(answered.status, 200, answered.body)
    return parseJson(answered.body)
  })
/** Whether a failing allocation's health was told in time is chance on a real agent. */
const untold = (line: string): boolean => line.includes("DeploymentStatus.Timestamp")
/** The recorded agent has a network and signs its identities. */
const noAddress = (line: string): boolean => /\.(?:NetworkStatus|SigningKeyID)/.test(line)
/** What differs with the order in which deployments followed each other. */
const chance = (line: string): boolean =>
  noAddress(line) || untold(line) || /\.(?:NextAllocation|PreviousAllocation|DesiredDescription)/.test(line)
const spec = (line: string): boolean => /\.(?:Config|Env|Meta)\b/.test(line)
const idOf = (value: Json | undefined): string => textOf(isObject(value) ? value["ID"] : undefined)
const list = (value: Json) => value as ReadonlyArray<JsonObject>

describe("the simulator's answers have the shape of a real agent's", () => {
  it.effect("the life of one job: registered, stable, changed, rolled back", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const get = (path: string) => ask(nomad, "GET", path)
        const { Job } = recorded("fixture") as JsonObject
        const job = Job as JsonObject
        sameShape(yield* ask(nomad, "POST", "/v1/jobs", { Job: job }), "register-new")
        const [pending] = list(yield* get("/v1/job/ca-web/evaluations"))
        sameShape(pending, "evaluation-pending")
        yield* TestClock.adjust("10 seconds")
        sameShape(yield* get("/v1/job/ca-web"), "job-stable")
        sameShape(yield* get(`/v1/evaluation/${idOf(pending)}`), "evaluation-complete-deployment")
        sameShape(yield* get("/v1/job/ca-web/deployment"), "deployment-successful")
        const [stub] = list(yield* get("/v1/job/ca-web/allocations"))
        sameShape(yield* get(`/v1/allocation/${idOf(stub)}`), "allocation-running", noAddress)
        sameShape(yield* ask(nomad, "POST", "/v1/jobs", { Job: job }), "register-unchanged")
        yield* TestClock.adjust("1 second")
        const bad = fixtureJob({ id: "ca-web", command: "/bin/false", job: { Meta: { team: "blue" } } })
        sameShape(yield* ask(nomad, "POST", "/v1/jobs", { Job: bad }), "register-changed")
        yield* TestClock.adjust("20 seconds")
        sameShape(yield* get("/v1/job/ca-web"), "job-rolled-back")
        const all = list(yield* get("/v1/job/ca-web/deployments"))
        sameShape(
          all.find((each) => each["JobVersion"] === 1),
          "deployment-failed-rolled-back"
        )
        sameShape(yield* get("/v1/job/ca-web/allocations"), "job-allocations-after-revert", untold)
        sameShape(yield* get("/v1/job/ca-web/versions"), "versions-after-revert")
        sameShape(yield* get("/v1/jobs?prefix=ca-web"), "jobs-list")
        sameShape(yield* get("/v1/jobs?prefix=ca-web&meta=true"), "jobs-list-meta")
        sameShape(yield* get("/v1/job/ca-web/summary"), "job-summary")
        const Jobs = [{ ID: "ca-web", Namespace: "default" }]
        sameShape(yield* ask(nomad, "POST", "/v1/jobs/statuses", { Jobs }), "jobs-statuses")
        const Target = { Group: "g" }
        sameShape(yield* ask(nomad, "POST", "/v1/job/ca-web/scale", { Count: 2, Target }), "scale-response")
        yield* TestClock.adjust("20 seconds")
        yield* ask(nomad, "POST", "/v1/jobs", { Job: fixtureJob({ id: "ca-web", env: { A: "9" } }) })
        yield* TestClock.adjust("100 millis")
        const running = yield* get("/v1/job/ca-web/deployment")
        const DeploymentID = idOf(running)
        const at = (verb: string) => `/v1/deployment/${verb}/${DeploymentID}`
        sameShape(
          yield* ask(nomad, "POST", at("pause"), { DeploymentID, Pause: true }),
          "deployment-pause-response"
        )
        sameShape(yield* ask(nomad, "POST", at("fail")), "deployment-fail-response")
        const back = { JobID: "ca-web", JobVersion: 0 }
        sameShape(yield* ask(nomad, "POST", "/v1/job/ca-web/revert", back), "revert-response")
        sameShape(yield* ask(nomad, "DELETE", "/v1/job/ca-web"), "stop-response")
        sameShape(yield* ask(nomad, "DELETE", "/v1/job/ca-web?purge=true"), "purge-response")
        sameShape(yield* ask(nomad, "DELETE", "/v1/job/ca-none"), "stop-missing-response")
      })
    )
  )

  it.effect("what cannot be placed, what ends at once, what cannot be pulled", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const get = (path: string) => ask(nomad, "GET", path)
        const Constraints = [{ LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "plan9" }]
        yield* ask(nomad, "POST", "/v1/jobs", { Job: fixtureJob({ id: "stuck", group: { Constraints } }) })
        yield* ask(nomad, "POST", "/v1/jobs", {
          Job: fixtureJob({ id: "ends", command: "/bin/false", job: { Meta: { team: "blue" } } })
        })
        const RestartPolicy = { Attempts: 1, Mode: "fail", Interval: 30e9, Delay: 1e9 }
        const image = sampleJob({
          id: "pull",
          image: "127.0.0.1:5000/ca/nopull:nopull",
          group: "g",
          task: "t"
        })
        const [group] = list(image["TaskGroups"] as Json)
        const job = { ...image, TaskGroups: [{ ...group, RestartPolicy }] }
        yield* ask(nomad, "POST", "/v1/jobs", { Job: job })
        yield* TestClock.adjust("10 seconds")
        const evaluations = list(yield* get("/v1/job/stuck/evaluations"))
        const statusIs = (status: string) => evaluations.find((each) => each["Status"] === status)
        sameShape(statusIs("complete"), "evaluation-failed-placement")
        sameShape(statusIs("blocked"), "evaluation-blocked", (line) => line.includes("ClassEligibility"))
        sameShape(yield* get("/v1/job/stuck/deployment"), "deployment-unplaced")
        const only = (id: string) =>
          Effect.flatMap(get(`/v1/job/${id}/allocations`), (stubs) =>
            get(`/v1/allocation/${idOf(list(stubs)[0])}`)
          )
        sameShape(yield* only("ends"), "allocation-failed-exit", chance)
        const driver = (line: string) => chance(line) || /\.Job\b/.test(line)
        sameShape(yield* only("pull"), "allocation-image-missing", driver)
      })
    )
  )

  it.effect("sources, tags, validation, batch and periodic jobs", () =>
    withSimulator((nomad) =>
      Effect.gen(function* () {
        const get = (path: string) => ask(nomad, "GET", path)
        const Submission = {
          Source: "job {}",
          Format: "hcl2",
          VariableFlags: { a: "b c" },
          Variables: "x = 1"
        }
        const Job = fixtureJob({ id: "ca-web", count: 0, task: { Env: null } })
        yield* ask(nomad, "POST", "/v1/jobs", { Job, Submission })
        sameShape(yield* get("/v1/job/ca-web/submission?version=0"), "submission")
        yield* ask(nomad, "POST", "/v1/job/ca-web/versions/rel/tag", { Version: 0, Description: "first" })
        sameShape(yield* get("/v1/job/ca-web/versions"), "versions-tagged")
        sameShape(yield* ask(nomad, "POST", "/v1/validate/job", { Job }), "validate-valid")
        const empty = { ...Job, TaskGroups: [] }
        sameShape(yield* ask(nomad, "POST", "/v1/validate/job", { Job: empty }), "validate-invalid")
        const batch = { job: { Type: "batch" }, group: { Update: null } }
        yield* ask(nomad, "POST", "/v1/jobs", {
          Job: fixtureJob({ id: "b", command: "/bin/true", ...batch })
        })
        yield* TestClock.adjust("10 seconds")
        sameShape(yield* get("/v1/job/b"), "job-batch-complete", spec)
        const Periodic = { Enabled: true, Spec: "0 0 1 1 *", SpecType: "cron" }
        const cron = fixtureJob({ id: "c", job: { Type: "batch", Periodic }, group: { Update: null } })
        sameShape(yield* ask(nomad, "POST", "/v1/jobs", { Job: cron }), "register-periodic")
        sameShape(yield* get("/v1/job/c"), "job-periodic", spec)
      })
    )
  )
})

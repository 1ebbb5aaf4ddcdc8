import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type {
  AllocationBody,
  DeploymentBody,
  EvaluationBody,
  JobBody,
  StatusBody,
  StubBody
} from "./Answers.ts"
import { allocations, deployment, eventually, newId, post, some, stableJob } from "./steps.ts"
import type { Target } from "./Target.ts"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"

const noneEver = "00000000-0000-0000-0000-000000000000"

export const reads = (target: () => Target): void => {
  it.live("statement 1: a missing job is 404 in plain words, with an index", () =>
    Effect.gen(function* () {
      const reply = yield* target().call("GET", "/v1/job/none")
      assert.strictEqual(reply.status, 404)
      assert.strictEqual(reply.text, "job not found")
      assert.strictEqual(reply.headers.get("content-type"), "text/plain; charset=utf-8")
      assert.match(reply.headers.get("x-nomad-index") ?? "", /^\d+$/)
      assert.strictEqual(reply.headers.get("x-nomad-knownleader"), "true")
    })
  )

  it.live("statement 2: the lists of a missing job are empty, its deployment is null", () =>
    Effect.gen(function* () {
      const latest = yield* target().call("GET", "/v1/job/none/deployment")
      assert.deepStrictEqual([latest.status, latest.json], [200, null])
      for (const list of ["deployments", "allocations", "evaluations"]) {
        const reply = yield* target().call("GET", `/v1/job/none/${list}`)
        assert.deepStrictEqual([reply.status, reply.json], [200, []], list)
      }
    })
  )

  it.live("statement 3: a wrong method is 405, an unknown path an empty 404", () =>
    Effect.gen(function* () {
      const method = yield* target().call("PATCH", "/v1/jobs")
      assert.deepStrictEqual([method.status, method.text], [405, "Invalid method"])
      const path = yield* target().call("GET", "/v1/nope")
      assert.deepStrictEqual([path.status, path.text], [404, ""])
    })
  )

  it.live("statement 58: evaluations leave out empty keys, deployments and stubs have all", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      const list = yield* target().call<ReadonlyArray<EvaluationBody>>("GET", `/v1/job/${id}/evaluations`)
      const read = (yield* target().call("GET", `/v1/evaluation/${some(list.json[0]).ID}`)).json
      assert.notProperty(read, "BlockedEval")
      assert.notProperty(read, "NextEval")
      const found = (yield* target().call<DeploymentBody>("GET", `/v1/job/${id}/deployment`)).json
      assert.property(found.TaskGroups.g, "PlacedCanaries")
      assert.isNull(found.TaskGroups.g.PlacedCanaries)
      const stub = some((yield* allocations(target(), id))[0])
      assert.strictEqual(stub.DesiredDescription, "")
      assert.strictEqual(stub.NextAllocation, "")
      assert.notProperty(stub, "DeploymentID")
      const whole = (yield* target().call<AllocationBody>("GET", `/v1/allocation/${stub.ID}`)).json
      assert.notProperty(whole, "NextAllocation")
      assert.strictEqual(whole.DeploymentID, found.ID)
      const listed = yield* target().call<ReadonlyArray<StubBody>>(
        "GET",
        `/v1/deployment/allocations/${found.ID}`
      )
      assert.deepStrictEqual(
        listed.json.map((each) => each.ID),
        [stub.ID]
      )
    })
  )

  it.live("statement 101: an unset time is null, nowhere the year 1", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      const texts = []
      for (const path of [`/v1/job/${id}`, `/v1/job/${id}/allocations`, `/v1/job/${id}/deployments`]) {
        texts.push((yield* target().call("GET", path)).text)
      }
      assert.notInclude(texts.join(), "0001-01-01")
      const { TaskStates } = some((yield* allocations(target(), id))[0])
      assert.isNull(TaskStates.t.FinishedAt)
      assert.isNull(TaskStates.t.LastRestart)
      assert.match(TaskStates.t.StartedAt ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    })
  )

  it.live("statement 109: an id that is no UUID is 500", () =>
    Effect.gen(function* () {
      const words = "lookup failed: index error: UUID must be 36 characters"
      for (const [path, text] of [
        ["evaluation", `failed to lookup eval: eval ${words}`],
        ["deployment", `deployment ${words}`],
        ["allocation", `alloc ${words}`]
      ] as const) {
        const reply = yield* target().call("GET", `/v1/${path}/abc`)
        assert.deepStrictEqual([reply.status, reply.text], [500, text])
      }
    })
  )

  it.live("an unknown evaluation, allocation or deployment is 404 in its own words", () =>
    Effect.gen(function* () {
      for (const [path, words] of [
        ["evaluation", "eval not found"],
        ["allocation", "alloc not found"],
        ["deployment", "deployment not found"]
      ] as const) {
        const reply = yield* target().call("GET", `/v1/${path}/${noneEver}`)
        assert.deepStrictEqual([reply.status, reply.text], [404, words])
        assert.match(reply.headers.get("x-nomad-index") ?? "", /^\d+$/)
      }
    })
  )

  it.live("another region is 500", () =>
    Effect.gen(function* () {
      const reply = yield* target().call("GET", "/v1/job/none?region=mars")
      assert.deepStrictEqual([reply.status, reply.text], [500, "No path to region"])
    })
  )

  it.live("statement 41: a page names the job that follows it; the last names none", () =>
    Effect.gen(function* () {
      const prefix = newId()
      for (const name of ["a", "b"]) yield* post(target(), fixtureJob({ id: `${prefix}-${name}`, count: 0 }))
      const first = yield* target().call<ReadonlyArray<JobBody>>(
        "GET",
        `/v1/jobs?prefix=${prefix}-&per_page=1`
      )
      assert.deepStrictEqual(
        first.json.map((each) => each.ID),
        [`${prefix}-a`]
      )
      const token = first.headers.get("x-nomad-nexttoken")
      assert.strictEqual(token, `default.${prefix}-b`)
      const last = yield* target().call<ReadonlyArray<JobBody>>(
        "GET",
        `/v1/jobs?prefix=${prefix}-&per_page=1&next_token=${token}`
      )
      assert.deepStrictEqual(
        last.json.map((each) => each.ID),
        [`${prefix}-b`]
      )
      assert.isNull(last.headers.get("x-nomad-nexttoken"))
      assert.notProperty(last.json[0], "Meta")
      const back = yield* target().call<ReadonlyArray<JobBody>>(
        "GET",
        `/v1/jobs?prefix=${prefix}-&reverse=true`
      )
      assert.deepStrictEqual(
        back.json.map((each) => each.ID),
        [`${prefix}-b`, `${prefix}-a`]
      )
    })
  )

  it.live(
    "statement 206: statuses of named jobs: unknown ones left out, newest first, an empty list refused",
    () =>
      Effect.gen(function* () {
        const first = yield* stableJob(target())
        const second = yield* stableJob(target())
        const Jobs = [first.id, second.id, "none"].map((ID) => ({ ID, Namespace: "default" }))
        const reply = yield* target().call<ReadonlyArray<StatusBody>>("POST", "/v1/jobs/statuses", { Jobs })
        assert.deepStrictEqual(
          reply.json.map((each) => each.ID),
          [second.id, first.id]
        )
        const { LatestDeployment, Allocs } = some(reply.json[0])
        assert.strictEqual(LatestDeployment.Status, "successful")
        assert.isFalse(LatestDeployment.IsActive)
        assert.strictEqual(Allocs[0]?.DeploymentStatus.Healthy, true)
        const none = yield* target().call("POST", "/v1/jobs/statuses", { Jobs: [] })
        assert.deepStrictEqual([none.status, none.text], [400, "no jobs in request"])
      })
  )

  it.live("statement 38: a blocking read returns when its time is up or the index moves", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0 }))
      yield* eventually<JobBody>(target(), `/v1/job/${id}`, (reply) => reply.json.Status === "dead")
      const before = yield* target().call<JobBody>("GET", `/v1/job/${id}`)
      const index = Number(before.headers.get("x-nomad-index"))
      assert.strictEqual(index, before.json.ModifyIndex)

      const late = yield* blocked(target(), `/v1/job/${id}?index=${index}&wait=2s`, target().pass(1900))
      assert.strictEqual(Number(late.reply.headers.get("x-nomad-index")), index)
      assert.isAtLeast(late.took, 1990)
      assert.isAtMost(late.took, 2000 + 2000 / 16 + 400)

      const ahead = yield* blocked(
        target(),
        `/v1/job/${id}?index=${index + 1000}&wait=2s`,
        target().pass(1900)
      )
      assert.strictEqual(Number(ahead.reply.headers.get("x-nomad-index")), index)
      assert.isAtLeast(ahead.took, 1990)

      const woken = yield* blocked(
        target(),
        `/v1/job/${id}?index=${index}&wait=30s`,
        post(target(), fixtureJob({ id, count: 0, env: { A: "2" } }))
      )
      assert.isAbove(Number(woken.reply.headers.get("x-nomad-index")), index)
      assert.isBelow(woken.took, 2000)

      const wrong = yield* target().call("GET", `/v1/job/${id}?index=${index}&wait=x`)
      assert.deepStrictEqual([wrong.status, wrong.text], [400, "Invalid wait time"])
    })
  )

  it.live("statement 108: a blocked read wakes on a purge with 404, on a missing job when it is made", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0 }))
      const read = yield* eventually<JobBody>(
        target(),
        `/v1/job/${id}`,
        (reply) => reply.json.Status === "dead"
      )
      const index = Number(read.headers.get("x-nomad-index"))
      const purge = target().call("DELETE", `/v1/job/${id}?purge=true`)
      const gone = yield* blocked(target(), `/v1/job/${id}?index=${index}&wait=30s`, purge)
      assert.strictEqual(gone.reply.status, 404)
      const next = Number(gone.reply.headers.get("x-nomad-index"))
      assert.isAbove(next, index)
      const make = post(target(), fixtureJob({ id, count: 0 }))
      const made = yield* blocked(target(), `/v1/job/${id}?index=${next}&wait=30s`, make)
      assert.strictEqual(made.reply.status, 200)
    })
  )

  it.live("statement 39: a blocked read of a deployment wakes on health and on status", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id }))
      const first = yield* deployment(target(), id, 0, "running")
      const at = (index: number) => `/v1/deployment/${first.ID}?index=${index}&wait=60s`
      const healthy = yield* blocked<DeploymentBody>(target(), at(first.ModifyIndex), Effect.void)
      assert.strictEqual(healthy.reply.json.TaskGroups.g.HealthyAllocs, 1)
      assert.strictEqual(healthy.reply.json.Status, "running")
      const done = yield* blocked<DeploymentBody>(target(), at(healthy.reply.json.ModifyIndex), Effect.void)
      assert.strictEqual(done.reply.json.Status, "successful")
    })
  )
}

/** A read that blocks, what happens meanwhile, and how long it took on the target's clock. */
const blocked = <A>(target: Target, path: string, meanwhile: Effect.Effect<unknown>) =>
  Effect.gen(function* () {
    const from = yield* target.now
    let took = 0
    const read = target.call<A>("GET", path).pipe(
      Effect.tap(() =>
        Effect.map(target.now, (now) => {
          took = now - from
        })
      )
    )
    const fiber = yield* Effect.forkChild(read)
    yield* target.holds(path.split("?")[0] ?? path)
    yield* meanwhile
    // Only a virtual clock has to be pushed on, step by step, until the answer is there.
    const pushing = target.pass(10).pipe(Effect.andThen(Effect.sleep("1 millis")), Effect.forever)
    const reply = yield* Effect.raceFirst(Fiber.join(fiber), pushing)
    return { reply, took }
  })

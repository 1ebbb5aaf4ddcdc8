import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import {
  allocations,
  changed,
  deployment,
  evaluated,
  eventually,
  getJob,
  newId,
  post,
  stableJob
} from "./steps.ts"
import type { JobBody, StubBody } from "./Answers.ts"
import type { Reply, Target } from "./Target.ts"

const completed = (count: number) => (reply: Reply<ReadonlyArray<StubBody>>) =>
  reply.json.filter((each) => each.ClientStatus === "complete").length === count

/** What a write answers that did nothing. */
const nothing = {
  EvalCreateIndex: 0,
  EvalID: "",
  Index: 0,
  JobModifyIndex: 0,
  KnownLeader: false,
  LastContact: 0,
  NextToken: "",
  VolumeEvalID: "",
  VolumeEvalIndex: 0
}

/** Jobs that are no running service: batch, periodic, stopped. */
export const jobTypes = (target: () => Target): void => {
  const jobs = (body?: unknown) => target().call("POST", "/v1/jobs", body)

  it.live("statement 23: a batch job may have no update strategy, and never has a deployment", () =>
    Effect.gen(function* () {
      const id = newId()
      const batch = { id, command: "/bin/true", job: { Type: "batch" } }
      const refused = yield* jobs({ Job: fixtureJob(batch) })
      assert.strictEqual(refused.status, 500)
      assert.include(refused.text, 'Job type "batch" does not allow update block')
      const { json } = yield* post(target(), fixtureJob({ ...batch, group: { Update: null } }))
      assert.notProperty(yield* evaluated(target(), json.EvalID), "DeploymentID")
      yield* eventually(target(), `/v1/job/${id}/allocations`, completed(1))
      const all = yield* target().call<ReadonlyArray<unknown>>("GET", `/v1/job/${id}/deployments`)
      assert.deepStrictEqual(all.json, [])
    })
  )

  it.live("statement 25: a periodic job is registered without an evaluation", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = { Type: "batch", Periodic: { Specs: ["0 0 1 1 *"] } }
      const reply = yield* post(target(), fixtureJob({ id, job, group: { Update: null } }))
      const { JobModifyIndex } = yield* getJob(target(), id)
      const { EvalID, EvalCreateIndex } = reply.json
      assert.deepStrictEqual([EvalID, EvalCreateIndex, reply.json.JobModifyIndex], ["", 0, JobModifyIndex])
      const all = yield* target().call<ReadonlyArray<unknown>>("GET", `/v1/job/${id}/evaluations`)
      assert.deepStrictEqual(all.json, [])
      const unchanged = yield* post(target(), yield* getJob(target(), id))
      assert.deepStrictEqual([unchanged.json.EvalID, unchanged.json.EvalCreateIndex], ["", 0])
    })
  )

  it.live("statement 24: a batch job that ended runs again only when it is changed", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = fixtureJob({ id, command: "/bin/true", job: { Type: "batch" }, group: { Update: null } })
      yield* post(target(), job)
      const path = `/v1/job/${id}/allocations`
      yield* eventually(target(), path, completed(1))
      const unchanged = yield* post(target(), yield* getJob(target(), id))
      yield* evaluated(target(), unchanged.json.EvalID)
      assert.strictEqual((yield* allocations(target(), id)).length, 1)
      yield* post(target(), changed(job))
      const { json } = yield* eventually(target(), path, completed(2))
      assert.isTrue(json.every((each) => each.DesiredStatus === "run"))
      assert.deepStrictEqual(
        (yield* target().call<ReadonlyArray<unknown>>("GET", `/v1/job/${id}/deployments`)).json,
        []
      )
    })
  )

  it.live("statement 33: a stop is a new version; the job is dead before its tasks are", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target())
      yield* post(target(), changed(job))
      yield* deployment(target(), id, 1, "running")
      yield* target().call("DELETE", `/v1/job/${id}`)
      const ended = yield* deployment(target(), id, 1, "cancelled")
      assert.strictEqual(ended.StatusDescription, "Cancelled because job is stopped")
      const dead = yield* eventually<JobBody>(
        target(),
        `/v1/job/${id}`,
        (reply) => reply.json.Status === "dead"
      )
      assert.deepStrictEqual([dead.json.Version, dead.json.Stop], [2, true])
      const stopped = yield* allocations(target(), id)
      assert.isTrue(stopped.every((each) => each.DesiredStatus === "stop"))
    })
  )

  it.live("statement 34: a job posted as stopped stays so; posted as not stopped it starts", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      yield* target().call("DELETE", `/v1/job/${id}`)
      const stopped = yield* eventually<JobBody>(
        target(),
        `/v1/job/${id}`,
        (reply) => reply.json.Status === "dead"
      )
      const edited = changed(stopped.json)
      const { json } = yield* post(target(), edited)
      yield* evaluated(target(), json.EvalID)
      const still = yield* getJob(target(), id)
      assert.deepStrictEqual([still.Version, still.Stop, still.Status], [2, true, "dead"])
      const ofVersion = (version: number) =>
        Effect.map(allocations(target(), id), (all) => all.filter((each) => each.JobVersion === version))
      assert.isEmpty(yield* ofVersion(2))
      yield* post(target(), { ...still, Stop: false })
      yield* deployment(target(), id, 3, "successful")
      assert.deepStrictEqual(
        (yield* ofVersion(3)).map((each) => [each.DesiredStatus, each.ClientStatus]),
        [["run", "running"]]
      )
    })
  )

  it.live("statement 59: a job keeps its type", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0 }))
      const Job = fixtureJob({ id, count: 0, job: { Type: "batch" }, group: { Update: null } })
      const reply = yield* jobs({ Job })
      assert.deepStrictEqual(
        [reply.status, reply.text],
        [500, 'cannot update job from type "service" to "batch"']
      )
    })
  )

  it.live("statement 103: stopping a job that is not there is 200 with zeroes", () =>
    Effect.gen(function* () {
      const reply = yield* target().call("DELETE", "/v1/job/none")
      assert.deepStrictEqual([reply.status, reply.json], [200, nothing])
      assert.strictEqual(reply.headers.get("x-nomad-index"), "0")
    })
  )
}

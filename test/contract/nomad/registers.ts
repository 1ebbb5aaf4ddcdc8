import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { changed, deployment, evaluated, getJob, newId, post, stableJob } from "./steps.ts"
import type { JobBody, ValidateBody, VersionsBody } from "./Answers.ts"
import type { Target } from "./Target.ts"

const prefix = (n: number): string => `Enforcing job modify index ${n}: `
const nested = (words: string): string =>
  `1 error occurred:\n\t* Task group g validation failed: 1 error occurred:\n\t* ${words}\n\n\n\n`

/** Registers, and what they refuse. */
export const registers = (target: () => Target): void => {
  const jobs = (body?: unknown) => target().call("POST", "/v1/jobs", body)

  it.live("statement 4: a register without body, job or the right id is 400", () =>
    Effect.gen(function* () {
      const id = newId()
      for (const [reply, words] of [
        [yield* jobs(), "Request body is empty"],
        [yield* jobs({}), "Job must be specified"],
        [yield* jobs({ Job: {} }), "Job ID hasn't been provided"],
        [yield* jobs("{"), "unexpected EOF"],
        [
          yield* jobs('{"Job":{"ID":5}}'),
          "json: cannot unmarshal number into Go struct field Job.Job.ID of type string"
        ],
        [
          yield* target().call("POST", `/v1/job/${id}`, { Job: fixtureJob({ id: "other" }) }),
          "Job ID does not match name"
        ]
      ] as const) {
        assert.deepStrictEqual([reply.status, reply.text], [400, words])
      }
    })
  )

  const enforcing = (Job: unknown) => (JobModifyIndex: number) =>
    jobs({ Job, EnforceIndex: true, JobModifyIndex })

  it.live("statement 5: index 0 registers a job that is not there, and only such a one", () =>
    Effect.gen(function* () {
      const enforce = enforcing(fixtureJob({ id: newId(), count: 0 }))
      assert.strictEqual((yield* enforce(0)).status, 200)
      const again = yield* enforce(0)
      assert.deepStrictEqual([again.status, again.text], [500, `${prefix(0)}job already exists`])
    })
  )

  it.live("statement 6: another index than the job's is refused, and nothing changes", () =>
    Effect.gen(function* () {
      const id = newId()
      const enforce = enforcing(fixtureJob({ id, count: 0 }))
      assert.strictEqual((yield* enforce(0)).status, 200)
      const { JobModifyIndex: m } = yield* getJob(target(), id)
      const wrong = yield* enforce(7)
      const words = `${prefix(7)}job exists with conflicting job modify index: ${m}`
      assert.deepStrictEqual([wrong.status, wrong.text], [500, words])
      const after = yield* getJob(target(), id)
      assert.deepStrictEqual([after.Version, after.JobModifyIndex], [0, m])
      assert.strictEqual((yield* enforce(m)).status, 200)
    })
  )

  it.live("statement 7: an index is refused where there is no job", () =>
    Effect.gen(function* () {
      const missing = yield* enforcing(fixtureJob({ id: newId(), count: 0 }))(7)
      assert.deepStrictEqual([missing.status, missing.text], [500, `${prefix(7)}job does not exist`])
    })
  )

  it.live("statement 8: of two registers at once with the same index one wins", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0 }))
      const { JobModifyIndex } = yield* getJob(target(), id)
      const replies = yield* Effect.forEach(
        ["x", "y"],
        (A) => jobs({ Job: fixtureJob({ id, count: 0, env: { A } }), EnforceIndex: true, JobModifyIndex }),
        { concurrency: 2 }
      )
      assert.deepStrictEqual(
        replies.map((each) => each.status).toSorted((a, b) => a - b),
        [200, 500]
      )
      assert.strictEqual((yield* getJob(target(), id)).Version, 1)
    })
  )

  it.live("statement 9: a changed register has one index everywhere", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target())
      const reply = yield* post(target(), changed(job))
      const { JobModifyIndex, EvalCreateIndex, Index } = reply.json
      const stored = yield* getJob(target(), id)
      assert.deepStrictEqual(
        [EvalCreateIndex, Index, Number(reply.headers.get("x-nomad-index")), stored.JobModifyIndex],
        [JobModifyIndex, JobModifyIndex, JobModifyIndex, JobModifyIndex]
      )
      assert.deepStrictEqual([stored.Version, stored.Stable], [1, false])
    })
  )

  it.live("statement 12: the answer to a register does not say which version it made", () =>
    Effect.gen(function* () {
      const { json } = yield* post(target(), fixtureJob({ id: newId(), count: 0 }))
      assert.notProperty(json, "Version")
      assert.property(json, "JobModifyIndex")
    })
  )

  it.live("statement 10: the job as read makes no version, only an evaluation", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      const before = yield* getJob(target(), id)
      const reply = yield* post(target(), before, {
        EnforceIndex: true,
        JobModifyIndex: before.JobModifyIndex
      })
      const after = yield* getJob(target(), id)
      assert.deepStrictEqual(
        [after.Version, after.JobModifyIndex, after.ModifyIndex],
        [0, before.JobModifyIndex, before.ModifyIndex]
      )
      assert.isAbove(reply.json.EvalCreateIndex, reply.json.JobModifyIndex)
      assert.strictEqual(reply.json.JobModifyIndex, before.ModifyIndex)
      assert.notProperty(yield* evaluated(target(), reply.json.EvalID), "JobModifyIndex")
    })
  )

  it.live("statement 21: the evaluation of an unchanged job names its old deployment", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      const reply = yield* post(target(), yield* getJob(target(), id))
      const evaluation = yield* evaluated(target(), reply.json.EvalID)
      const old = yield* deployment(target(), id, 0, "successful")
      assert.strictEqual(evaluation.DeploymentID, old.ID)
    })
  )

  it.live("statement 11: success moves ModifyIndex and Stable, not the index of check-and-set", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = fixtureJob({ id })
      yield* post(target(), job)
      const { JobModifyIndex } = yield* getJob(target(), id)
      yield* deployment(target(), id, 0, "successful")
      const stored = yield* getJob(target(), id)
      assert.isTrue(stored.Stable)
      assert.isAbove(stored.ModifyIndex, stored.JobModifyIndex)
      yield* post(target(), changed(job), { EnforceIndex: true, JobModifyIndex })
    })
  )

  it.live("statement 13: an invalid job is 500 on register and 200 with its errors on validate", () =>
    Effect.gen(function* () {
      const Job = { ...fixtureJob({ id: newId() }), TaskGroups: [] }
      const words = "1 error occurred:\n\t* Missing job task groups\n\n"
      const refused = yield* jobs({ Job })
      assert.deepStrictEqual([refused.status, refused.text], [500, words])
      const checked = yield* target().call<ValidateBody>("POST", "/v1/validate/job", { Job })
      assert.strictEqual(checked.status, 200)
      assert.deepStrictEqual(
        [checked.json.Error, checked.json.ValidationErrors],
        [words, ["Missing job task groups"]]
      )
    })
  )

  it.live("an update strategy that contradicts itself is refused in Nomad's words", () =>
    Effect.gen(function* () {
      const id = newId()
      const late = yield* jobs({ Job: fixtureJob({ id, update: { HealthyDeadline: 20e9 } }) })
      assert.strictEqual(late.text, nested("Healthy deadline must be less than progress deadline: 20s > 10s"))
      const slow = { update: { ProgressDeadline: 3e9, HealthyDeadline: 2e9 }, task: { KillTimeout: 5e9 } }
      const killed = yield* jobs({ Job: fixtureJob({ id, ...slow }) })
      const words = "KillTimout (5s) longer than the group's ProgressDeadline (3s)"
      assert.strictEqual(killed.text, nested(`Task t validation failed: 1 error occurred:\n\t* ${words}\n\n`))
      assert.deepStrictEqual([late.status, killed.status], [500, 500])
    })
  )

  it.live("statement 14: the namespace of the query wins over the job's own", () =>
    Effect.gen(function* () {
      const id = newId()
      assert.strictEqual((yield* target().call("PUT", "/v1/namespace/b", { Name: "b" })).status, 200)
      const job = { ...fixtureJob({ id, count: 0 }), Namespace: "default" }
      const reply = yield* target().call("POST", "/v1/jobs?namespace=b", { Job: job })
      assert.strictEqual(reply.status, 200)
      const there = yield* target().call<JobBody>("GET", `/v1/job/${id}?namespace=b`)
      assert.strictEqual(there.json.Namespace, "b")
      assert.strictEqual((yield* target().call("GET", `/v1/job/${id}`)).status, 404)
      assert.strictEqual((yield* target().call("GET", `/v1/job/${id}?namespace=*`)).status, 404)
      const listed = yield* target().call<ReadonlyArray<JobBody>>("GET", `/v1/jobs?namespace=*&prefix=${id}`)
      assert.strictEqual(listed.json[0]?.Namespace, "b")
    })
  )

  it.live("statement 15: an unknown namespace is 500 in these words", () =>
    Effect.gen(function* () {
      const id = newId()
      const reply = yield* jobs({ Job: { ...fixtureJob({ id }), Namespace: "nope" } })
      const words = `1 error occurred:\n\t* job "${id}" is in nonexistent namespace "nope"\n\n`
      assert.deepStrictEqual([reply.status, reply.text], [500, words])
    })
  )

  it.live("statement 42: a job with a slash in its id is reached by %2F", () =>
    Effect.gen(function* () {
      const id = `${newId()}/b`
      yield* post(target(), fixtureJob({ id, count: 0 }))
      assert.strictEqual((yield* getJob(target(), id)).ID, id)
      const versions = yield* target().call<VersionsBody>("GET", `/v1/job/${encodeURIComponent(id)}/versions`)
      assert.strictEqual(versions.json.Versions.length, 1)
      const none = yield* target().call<ReadonlyArray<unknown>>(
        "GET",
        `/v1/job/${encodeURIComponent(id)}/deployments`
      )
      assert.deepStrictEqual(none.json, [])
    })
  )

  it.live("statement 46: counts are preserved on request, a scale is a register", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 2 }))
      const scaling = (Count: number) =>
        target().call("POST", `/v1/job/${id}/scale`, { Count, Target: { Group: "g" } })
      yield* deployment(target(), id, 0, "running")
      const blocked = yield* scaling(3)
      assert.deepStrictEqual(
        [blocked.status, blocked.text],
        [400, "job scaling blocked due to active deployment"]
      )
      yield* deployment(target(), id, 0, "successful")
      yield* post(target(), fixtureJob({ id, count: 5, env: { A: "2" } }), { PreserveCounts: true })
      const kept = yield* getJob(target(), id)
      assert.deepStrictEqual(
        [kept.Version, kept.TaskGroups[0].Count, kept.TaskGroups[0].Tasks[0].Env],
        [1, 2, { A: "2" }]
      )
      yield* deployment(target(), id, 1, "successful")
      const scaled = yield* scaling(1)
      assert.strictEqual(scaled.status, 200, scaled.text)
      const { JobModifyIndex, EvalCreateIndex, Index } = scaled.json
      assert.isBelow(JobModifyIndex, EvalCreateIndex)
      assert.isBelow(EvalCreateIndex, Index)
      assert.strictEqual(scaled.headers.get("x-nomad-index"), String(Index))
      const after = yield* getJob(target(), id)
      assert.deepStrictEqual([after.Version, after.Stable, after.TaskGroups[0].Count], [2, true, 1])
      const late = yield* jobs({ Job: kept, EnforceIndex: true, JobModifyIndex: kept.JobModifyIndex })
      assert.include(late.text, "Enforcing job modify index")
    })
  )

  it.live("statement 105: a falsy value that is left out becomes the default again", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0 }))
      const read = yield* getJob(target(), id)
      const [group] = read.TaskGroups
      yield* post(target(), { ...read, Constraints: [], TaskGroups: [{ ...group, Networks: [] }] })
      assert.strictEqual((yield* getJob(target(), id)).Version, 0)
      yield* post(target(), { ...read, TaskGroups: [{ ...group, Consul: {} }] })
      assert.strictEqual((yield* getJob(target(), id)).Version, 1)
      const { Attempts: _, ...policy } = group.RestartPolicy
      yield* post(target(), { ...read, TaskGroups: [{ ...group, RestartPolicy: policy }] })
      const after = yield* getJob(target(), id)
      assert.deepStrictEqual([after.Version, after.TaskGroups[0].RestartPolicy.Attempts], [2, 2])
    })
  )

  it.live("a task that asks for cores has no shares of its own", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0, task: { Resources: { Cores: 1, MemoryMB: 16 } } }))
      const { TaskGroups } = yield* getJob(target(), id)
      assert.strictEqual(TaskGroups[0].Tasks[0].Resources.CPU, 0)
    })
  )
}

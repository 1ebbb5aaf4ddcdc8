import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { changed, getJob, newId, post, some, stableJob } from "./steps.ts"
import type { JobBody, SubmissionBody, VersionsBody } from "./Answers.ts"
import type { Target } from "./Target.ts"

const implied = (job: JobBody): number =>
  job.TaskGroups[0].Constraints.filter((each) => each.RTarget === ">= 1.7.0-a").length

const scaling = (job: JobBody) => some(job.TaskGroups[0].Scaling)
const sent = (Source: string) => ({ Submission: { Source, Format: "hcl2" } })

/** Old versions, their tags and sources. */
export const versions = (target: () => Target): void => {
  it.live("statement 43: a version tag travels with the job that is posted back", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0 }))
      const tagged = yield* target().call("POST", `/v1/job/${id}/versions/rel/tag`, {
        Version: 0,
        Description: "first"
      })
      assert.strictEqual(tagged.status, 200, tagged.text)
      const read = yield* getJob(target(), id)
      assert.strictEqual(read.VersionTag?.Name, "rel")
      const { VersionTag: _, ...without } = changed(read, "3")
      yield* post(target(), changed(read))
      const names = Effect.map(target().call<VersionsBody>("GET", `/v1/job/${id}/versions`), (reply) =>
        reply.json.Versions.map((each) => [each.Version, each.VersionTag?.Name ?? null])
      )
      assert.deepStrictEqual(yield* names, [
        [1, "rel"],
        [0, "rel"]
      ])
      yield* post(target(), without)
      assert.deepStrictEqual((yield* names)[0], [2, null])
    })
  )

  it.live("statement 44: a named identity adds its constraint on every round trip", () =>
    Effect.gen(function* () {
      const id = newId()
      const task = { Identities: [{ Name: "vault_default", Audience: ["v"] }] }
      yield* post(target(), fixtureJob({ id, count: 0, task }))
      const read = yield* getJob(target(), id)
      assert.strictEqual(implied(read), 1)
      yield* post(target(), read)
      const second = yield* getJob(target(), id)
      assert.deepStrictEqual([second.Version, implied(second)], [1, 2])
      const [group] = second.TaskGroups
      const stripped = { ...second, TaskGroups: [{ ...group, Constraints: group.Constraints.slice(0, 1) }] }
      yield* post(target(), stripped)
      const third = yield* getJob(target(), id)
      assert.deepStrictEqual([third.Version, implied(third)], [1, 2])
    })
  )

  it.live("statement 45: a register without source inherits that of the version it names", () =>
    Effect.gen(function* () {
      const id = newId()
      const Submission = {
        Source: 'job "x" {}',
        Format: "hcl2",
        VariableFlags: { a: "b c" },
        Variables: "x = 1"
      }
      const job = fixtureJob({ id, count: 0 })
      yield* post(target(), job, { Submission })
      const source = (version: number | string) =>
        target().call<SubmissionBody>("GET", `/v1/job/${id}/submission?version=${version}`)
      const first = yield* source(0)
      assert.deepInclude(first.json, { ...Submission, JobID: id, Namespace: "default", Version: 0 })
      yield* post(target(), changed(yield* getJob(target(), id)))
      assert.strictEqual((yield* source(1)).json.Source, Submission.Source)
      const { Version: _, ...unversioned } = changed(yield* getJob(target(), id), "3")
      yield* post(target(), unversioned)
      assert.strictEqual((yield* source(2)).json.Source, Submission.Source)
      yield* post(target(), { ...changed(job, "4"), Version: 50 })
      assert.strictEqual((yield* getJob(target(), id)).Version, 50)
      const none = yield* source(50)
      assert.deepStrictEqual([none.status, none.text], [404, "job source not found"])
      const unnamed = yield* source("")
      assert.deepStrictEqual(
        [unnamed.status, unnamed.text],
        [400, "Unable to parse job submission version parameter"]
      )
    })
  )

  it.live("statement 47: revert refuses the current version and the wrong prior one", () =>
    Effect.gen(function* () {
      const id = newId()
      const revert = (body: object) => target().call("POST", `/v1/job/${id}/revert`, { JobID: id, ...body })
      const missing = yield* revert({ JobVersion: 0 })
      assert.deepStrictEqual([missing.status, missing.text], [500, `job "${id}" not found`])
      yield* post(target(), fixtureJob({ id, count: 0 }))
      yield* post(target(), fixtureJob({ id, count: 0, env: { A: "2" } }))
      yield* target().call("POST", `/v1/job/${id}/versions/old/tag`, { Version: 0 })
      for (const [body, words] of [
        [{ JobVersion: 1 }, "can't revert to current version"],
        [{ JobVersion: 9 }, `job "${id}" in namespace "default" at version 9 not found`],
        [{ JobVersion: 0, EnforcePriorVersion: 7 }, "Current job has version 1; enforcing version 7"]
      ] as const) {
        const reply = yield* revert(body)
        assert.deepStrictEqual([reply.status, reply.text], [500, words])
      }
      const reply = yield* revert({ JobVersion: 0, EnforcePriorVersion: 1 })
      const job = yield* getJob(target(), id)
      assert.deepStrictEqual([job.Version, job.JobModifyIndex], [2, reply.json.JobModifyIndex])
      assert.isNull(job.VersionTag)
      assert.deepStrictEqual(job.TaskGroups[0].Tasks[0].Env, { A: "1" })
    })
  )

  it.live("statement 48: six versions are kept, and the tagged ones", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0 }))
      yield* target().call("POST", `/v1/job/${id}/versions/first/tag`, { Version: 0 })
      for (const A of ["1a", "2", "3", "4", "5", "6", "7"]) {
        yield* post(target(), fixtureJob({ id, count: 0, env: { A } }))
      }
      const reply = yield* target().call<VersionsBody>("GET", `/v1/job/${id}/versions`)
      assert.deepStrictEqual(
        reply.json.Versions.map((each) => each.Version),
        [7, 6, 5, 4, 3, 2, 0]
      )
      assert.isNull(reply.json.Diffs)
      const path = `/v1/job/${id}/versions?diffs=true`
      const { Diffs } = (yield* target().call<VersionsBody>("GET", path)).json
      const shown = (Diffs ?? []).map(({ Type, TaskGroups }) => [
        Type,
        TaskGroups[0]?.Tasks[0]?.Fields?.map(({ Name, Old, New }) => [Name, Old, New])
      ])
      const steps = ["6 7", "5 6", "4 5", "3 4", "2 3", "1 2"].map((step) => step.split(" "))
      assert.deepStrictEqual(
        shown,
        steps.map((step) => ["Edited", [["Env[A]", ...step]]])
      )
    })
  )

  it.live("statement 110: a scaling block makes one version of its own when it is posted back", () =>
    Effect.gen(function* () {
      const id = newId()
      const group = { Scaling: { Min: 0, Max: 3, Policy: { a: "b" } } }
      yield* post(target(), fixtureJob({ id, count: 0, group }))
      const first = yield* getJob(target(), id)
      assert.strictEqual(scaling(first).CreateIndex, first.JobModifyIndex)
      yield* post(target(), first)
      const second = yield* getJob(target(), id)
      assert.deepStrictEqual(
        [second.Version, scaling(second).CreateIndex, scaling(second).ID],
        [1, 0, scaling(first).ID]
      )
      yield* post(target(), second)
      assert.strictEqual((yield* getJob(target(), id)).Version, 1)
      yield* target().call("DELETE", `/v1/job/${id}`)
      const stopped = yield* getJob(target(), id)
      assert.deepStrictEqual(
        [scaling(stopped).Enabled, scaling(stopped).ModifyIndex],
        [false, stopped.JobModifyIndex]
      )
      yield* post(target(), { ...stopped, Stop: false })
      const again = yield* getJob(target(), id)
      assert.deepStrictEqual([again.Stop, scaling(again).Enabled], [false, false])
    })
  )

  it.live("statement 205: when a source is kept, copied, empty, and too large", () =>
    Effect.gen(function* () {
      const id = newId()
      const source = (version: number) =>
        Effect.map(
          target().call<SubmissionBody>("GET", `/v1/job/${id}/submission?version=${version}`),
          ({ status, json }) => (status === 200 ? json.Source : status)
        )
      const job = fixtureJob({ id, count: 0 })
      yield* post(target(), job, sent("first"))
      // The job has not changed, and neither has its text.
      yield* post(target(), yield* getJob(target(), id), sent("other"))
      assert.strictEqual(yield* source(0), "first")
      yield* target().call("POST", `/v1/job/${id}/scale`, { Target: { Group: "g" }, Count: 0 })
      assert.strictEqual(yield* source(1), "first")
      yield* target().call("DELETE", `/v1/job/${id}`)
      assert.strictEqual(yield* source(2), "first")
      const large = yield* post(target(), { ...changed(job), Version: 2 }, sent("x".repeat(1_100_000)))
      assert.strictEqual(
        large.json.Warnings,
        "1 warning:\n\n* job source size of 1.1 MB exceeds maximum of 1.0 MB and will be discarded"
      )
      assert.strictEqual(yield* source(3), "first")
      const largest = yield* post(target(), changed(job, "3"), sent("y".repeat(1_000_000)))
      assert.strictEqual(largest.json.Warnings, "")
      yield* post(target(), { ...changed(job, "4"), Version: 4 }, sent(""))
      assert.strictEqual(yield* source(5), "")
    })
  )

  it.live("a stable version that is the next to go stays instead of the oldest kept", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      for (let n = 1; n < 10; n++) yield* post(target(), fixtureJob({ id, count: 0, env: { A: `v${n}` } }))
      const reply = yield* target().call<VersionsBody>("GET", `/v1/job/${id}/versions`)
      assert.deepStrictEqual(
        reply.json.Versions.map((each) => each.Version),
        [9, 8, 7, 6, 5, 0]
      )
    })
  )
}

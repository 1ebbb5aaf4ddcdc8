import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import type { Reply, Target } from "./Target.ts"

/** A job id that no other test of this run, or of an earlier one on the same agent, has. */
const run = Date.now().toString(36)
let made = 0
export const newId = (): string => `c-${run}-${made++}`

export const bad = { command: "/bin/false" }

/** Reads until `until` holds; fails after 60 seconds of the target's time, with what was read last. */
export const eventually = (
  target: Target,
  path: string,
  until: (reply: Reply) => boolean
): Effect.Effect<Reply> =>
  Effect.gen(function* () {
    const deadline = (yield* target.now) + 60_000
    for (;;) {
      const reply = yield* target.call("GET", path)
      if (until(reply)) return reply
      if ((yield* target.now) > deadline) assert.fail(`${path} still answers ${reply.status} ${reply.text}`)
      yield* target.pass(100)
    }
  })

/** Registers the job, which must be taken. */
export const post = (target: Target, job: unknown, more: object = {}): Effect.Effect<Reply> =>
  Effect.map(target.call("POST", "/v1/jobs", { Job: job, ...more }), (reply) => {
    assert.strictEqual(reply.status, 200, reply.text)
    return reply
  })

export const getJob = (target: Target, id: string): Effect.Effect<any> =>
  Effect.map(target.call("GET", `/v1/job/${encodeURIComponent(id)}`), (reply) => {
    assert.strictEqual(reply.status, 200, reply.text)
    return reply.json
  })

/** The deployment of that version, once it has that status. */
export const deployment = (
  target: Target,
  id: string,
  version: number,
  status: string
): Effect.Effect<any> => {
  const find = (reply: Reply) =>
    (reply.json as ReadonlyArray<any>).find((each) => each.JobVersion === version && each.Status === status)
  return Effect.map(
    eventually(target, `/v1/job/${encodeURIComponent(id)}/deployments`, (reply) => find(reply) !== undefined),
    find
  )
}

/** Registers the fixture and waits until its first deployment succeeded. */
export const stableJob = (target: Target, options: Omit<Parameters<typeof fixtureJob>[0], "id"> = {}) =>
  Effect.gen(function* () {
    const id = newId()
    const job = fixtureJob({ id, ...options })
    yield* post(target, job)
    yield* deployment(target, id, 0, "successful")
    return { id, job }
  })

/** The job as read, with another environment: a change that replaces allocations. */
export const changed = (job: any, value = "2"): any => {
  const next = structuredClone(job)
  next.TaskGroups[0].Tasks[0].Env = { A: value }
  return next
}

/** The same with a command that ends at once. */
export const broken = (job: any): any => {
  const next = structuredClone(job)
  next.TaskGroups[0].Tasks[0].Config = { command: "/bin/false" }
  return next
}

export const allocations = (target: Target, id: string): Effect.Effect<ReadonlyArray<any>> =>
  Effect.map(target.call("GET", `/v1/job/${encodeURIComponent(id)}/allocations`), (reply) => reply.json)

/** Waits until the evaluation is processed. */
export const evaluated = (target: Target, evalId: string): Effect.Effect<any> =>
  Effect.map(
    eventually(target, `/v1/evaluation/${evalId}`, (reply) => reply.json?.Status === "complete"),
    (reply) => reply.json
  )

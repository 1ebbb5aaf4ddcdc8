import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import type { DeploymentBody, EvaluationBody, JobBody, StubBody, WriteBody } from "./Answers.ts"
import type { Reply, Target } from "./Target.ts"

/** A job id that no other test of this run, or of an earlier one on the same agent, has. */
const run = Date.now().toString(36)
let made = 0
export const newId = (): string => `c-${run}-${made++}`

export const bad = { command: "/bin/false" }

/** Reads until `until` holds; fails after 60 seconds of the target's time, with what was read last. */
export const eventually = <A>(
  target: Target,
  path: string,
  until: (reply: Reply<A>) => boolean
): Effect.Effect<Reply<A>> =>
  Effect.gen(function* () {
    const deadline = (yield* target.now) + 60_000
    for (;;) {
      const reply = yield* target.call<A>("GET", path)
      if (until(reply)) return reply
      if ((yield* target.now) > deadline) assert.fail(`${path} still answers ${reply.status} ${reply.text}`)
      yield* target.pass(100)
    }
  })

/** Registers the job, which must be taken. */
export const post = (target: Target, job: unknown, more: object = {}): Effect.Effect<Reply<WriteBody>> =>
  Effect.map(target.call("POST", "/v1/jobs", { Job: job, ...more }), (reply) => {
    assert.strictEqual(reply.status, 200, reply.text)
    return reply
  })

export const getJob = (target: Target, id: string): Effect.Effect<JobBody> =>
  Effect.map(target.call<JobBody>("GET", `/v1/job/${encodeURIComponent(id)}`), (reply) => {
    assert.strictEqual(reply.status, 200, reply.text)
    return reply.json
  })

/** The deployment of that version, once it has that status. */
export const deployment = (
  target: Target,
  id: string,
  version: number,
  status: string
): Effect.Effect<DeploymentBody> => {
  const path = `/v1/job/${encodeURIComponent(id)}/deployments`
  const isIt = (each: DeploymentBody) => each.JobVersion === version && each.Status === status
  const isThere = (reply: Reply<ReadonlyArray<DeploymentBody>>) => reply.json.some(isIt)
  return Effect.map(eventually(target, path, isThere), ({ json }) => some(json.find(isIt)))
}

/** What must be there. */
export const some = <A>(value: A | undefined): A => {
  assert.isDefined(value)
  return value
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

/** The job, as it was posted or read, with other parts in its task. */
export const withTask = <A extends object>(job: A, parts: object): A => {
  const [group] = (job as unknown as JobBody).TaskGroups
  return { ...job, TaskGroups: [{ ...group, Tasks: [{ ...group.Tasks[0], ...parts }] }] }
}

/** The job with another environment: a change that replaces allocations. */
export const changed = <A extends object>(job: A, value = "2"): A => withTask(job, { Env: { A: value } })

/** The same with a command that ends at once. */
export const broken = <A extends object>(job: A): A => withTask(job, { Config: { command: "/bin/false" } })

export const allocations = (target: Target, id: string): Effect.Effect<ReadonlyArray<StubBody>> =>
  Effect.map(
    target.call<ReadonlyArray<StubBody>>("GET", `/v1/job/${encodeURIComponent(id)}/allocations`),
    (reply) => reply.json
  )

/** Waits until the evaluation is processed. */
export const evaluated = (target: Target, evalId: string): Effect.Effect<EvaluationBody> =>
  Effect.map(
    eventually<EvaluationBody>(target, `/v1/evaluation/${evalId}`, ({ json }) => json.Status === "complete"),
    ({ json }) => json
  )

/**
 * Whether evaluations are processed at all; until they run again, what is registered waits. It is the whole
 * cluster's setting, as an operator sets it.
 */
export const evaluations = (target: Target, are: "paused" | "running"): Effect.Effect<void> => {
  const path = "/v1/operator/scheduler/configuration"
  return Effect.gen(function* () {
    const read = yield* target.call<{ readonly SchedulerConfig: object }>("GET", path)
    const config = { ...read.json.SchedulerConfig, PauseEvalBroker: are === "paused" }
    const reply = yield* target.call<{ readonly Updated: boolean }>("PUT", path, config)
    assert.deepStrictEqual([reply.status, reply.json.Updated], [200, true], reply.text)
  })
}

import { applyPlan, type Changed } from "./applyPlan.ts"
import type { Cluster } from "./Cluster.ts"
import { type Evaluation, isOpen } from "./Evaluation.ts"
import { jobKey, runsToEnd } from "./Job.ts"
import type { JsonObject } from "./Json.ts"
import { newEvaluation } from "./newEvaluation.ts"
import { type JobPlan, planJob } from "./planJob.ts"
import { type Nanos, toMillis } from "./time.ts"

/** Plans that a service's evaluation may try. */
const planAttempts = 5
/** Milliseconds until what failed by them is looked at again. */
const failedAgain = 60_000

/**
 * The scheduler: one evaluation of a job at a time, the others of that job wait, and of several that wait
 * only the newest is processed. `enqueue` takes an evaluation that a commit has just stored.
 */
export const makeScheduler = (cluster: Cluster, changed: Changed) => {
  const { state, timings, after } = cluster
  const busy = new Set<string>()
  const waiting = new Map<string, ReadonlyArray<string>>()

  /** How many plans the leader will reject yet. */
  let rejected = 0

  /** Evaluations that came while the broker was paused. */
  let held: ReadonlyArray<Evaluation> | undefined

  const enqueue = (evaluation: Evaluation): void => {
    if (held !== undefined) return void (held = [...held, evaluation])
    const { ID, Namespace, JobID, WaitUntil } = evaluation
    if (WaitUntil !== null) {
      return after(toMillis(WaitUntil - cluster.now()), () => enqueue({ ...evaluation, WaitUntil: null }))
    }
    const key = jobKey(Namespace, JobID)
    if (busy.has(key)) return void waiting.set(key, [...(waiting.get(key) ?? []), ID])
    busy.add(key)
    after(timings.evaluation, () => process(key, ID))
  }

  const next = (key: string): void => {
    busy.delete(key)
    const ids = waiting.get(key) ?? []
    waiting.delete(key)
    const newest = ids.at(-1)
    if (ids.length > 1) {
      state.commit("EvaluationUpdated", (index, now) => {
        for (const id of ids.slice(0, -1)) {
          finish(id, index, now, {
            Status: "canceled",
            StatusDescription: "canceled after more recent eval was processed"
          })
        }
      })
    }
    const evaluation = newest === undefined ? undefined : state.evaluations.get(newest)
    if (evaluation !== undefined) enqueue(evaluation)
  }

  const finish = (id: string, index: number, now: Nanos, fields: Partial<Evaluation>): void => {
    const evaluation = state.evaluations.get(id)
    if (evaluation === undefined) return
    state.putEvaluation({ ...evaluation, ...fields, ModifyIndex: index, ModifyTime: now })
  }

  const process = (key: string, id: string): void => {
    const evaluation = state.evaluations.get(id)
    if (evaluation === undefined || !isOpen(evaluation)) return next(key)
    if (rejected >= planAttempts) {
      rejected -= planAttempts
      return giveUp(key, evaluation)
    }
    const outcome = planJob(cluster, evaluation)
    const effects = applyPlan(cluster, evaluation, outcome, changed)
    for (const effect of effects.run) effect()
    after(timings.completion, () => {
      state.commit("EvaluationUpdated", (index, now) => {
        // One that was blocked and finds no room again goes on waiting.
        if (evaluation.Status === "blocked" && outcome.refused !== null) return
        const latest = state.latestDeployment(evaluation.Namespace, evaluation.JobID)
        const job = state.job(evaluation.Namespace, evaluation.JobID)
        // A system job waits for no room: a new node is looked at by itself.
        const waits = outcome.refused !== null && job?.Type !== "system" && job?.Type !== "sysbatch"
        const blocked = waits ? block(cluster, evaluation, outcome, index, now) : undefined
        if (blocked !== undefined) state.putEvaluation(blocked)
        else if (job !== undefined && !job.Stop) unblock(cluster, evaluation, index, now)
        finish(id, index, now, {
          Status: "complete",
          DeploymentID: job === undefined || runsToEnd(job) ? "" : (latest?.ID ?? ""),
          BlockedEval: blocked?.ID ?? "",
          FailedTGAllocs: outcome.refused,
          PlanAnnotations: { DesiredTGUpdates: outcome.counts, PreemptedAllocs: null },
          QueuedAllocations: outcome.queued,
          SnapshotIndex: effects.snapshot
        })
      })
      for (const followUp of effects.followUps) enqueue(followUp)
      next(key)
    })
  }

  /** The plan of an evaluation was rejected so often that it ends, and another one looks again later. */
  const giveUp = (key: string, evaluation: Evaluation): void => {
    const { Namespace, JobID } = evaluation
    const job = state.job(Namespace, JobID)
    const latest = state.latestDeployment(Namespace, JobID)?.ID ?? ""
    state.commit("EvaluationUpdated", (index, now) => {
      const blocked =
        job === undefined
          ? undefined
          : newEvaluation(cluster, job, "max-plan-attempts", index, now, {
              Status: "blocked",
              StatusDescription: "created due to placement conflicts",
              PreviousEval: evaluation.ID,
              JobModifyIndex: evaluation.JobModifyIndex
            })
      if (blocked !== undefined) {
        state.putEvaluation(blocked)
        after(failedAgain, () => enqueue(blocked))
      }
      finish(evaluation.ID, index, now, {
        Status: "failed",
        StatusDescription: `maximum attempts reached (${planAttempts})`,
        BlockedEval: blocked?.ID ?? "",
        // Before 2.0.5 the deployment that the last plan would have made, which nobody will ever find.
        DeploymentID: cluster.has("onlyStoredDeployments") ? latest : cluster.newId()
      })
    })
    next(key)
  }

  /** Room may have come: what is blocked is looked at once more, and placed where it can be. */
  const roomChanged = (): void => {
    for (const evaluation of state.evaluations.values()) {
      if (evaluation.Status === "blocked") enqueue(evaluation)
    }
  }

  /** As an operator pauses the broker: what is being processed ends, everything else waits. */
  const pause = (paused: boolean): void => {
    const left = held ?? []
    if (paused) return void (held = left)
    held = undefined
    for (const evaluation of left) enqueue(evaluation)
  }

  /** As if other writes had always come first: of the next evaluations that many fail. */
  const rejectPlans = (evaluations: number): void => {
    rejected = evaluations * planAttempts
  }

  let config: JsonObject = {}
  return {
    enqueue,
    roomChanged,
    rejectPlans,
    pause,
    isPaused: () => held !== undefined,
    config: () => config,
    configure: (set: JsonObject): void => {
      config = set
    }
  }
}

/** The evaluation that stands for the allocations that could not be placed. */
const block = (
  cluster: Cluster,
  evaluation: Evaluation,
  { refused, job }: JobPlan,
  index: number,
  now: Nanos
): Evaluation | undefined =>
  job === undefined
    ? undefined
    : newEvaluation(cluster, job, "queued-allocs", index, now, {
        Status: "blocked",
        StatusDescription: "created to place remaining allocations",
        PreviousEval: evaluation.ID,
        JobModifyIndex: evaluation.JobModifyIndex,
        FailedTGAllocs: refused,
        SnapshotIndex: evaluation.CreateIndex
      })

/** A look that placed everything makes the job's blocked evaluations moot. */
const unblock = (
  { state }: Cluster,
  { ID, Namespace, JobID }: Evaluation,
  index: number,
  now: Nanos
): void => {
  for (const blocked of state.evaluationsOf(Namespace, JobID)) {
    if (blocked.Status !== "blocked") continue
    state.putEvaluation({
      ...blocked,
      Status: "canceled",
      StatusDescription: `evaluation "${ID}" successful`,
      ModifyIndex: index,
      ModifyTime: now
    })
  }
}

import { Cron, DateTime, Option, Result } from "effect"
import type { Cluster } from "./Cluster.ts"
import type { Evaluation } from "./Evaluation.ts"
import { asList, type Job } from "./Job.ts"
import { isObject, type JsonObject, textOf } from "./Json.ts"
import { newEvaluation } from "./newEvaluation.ts"
import { toMillis } from "./time.ts"

const named: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@hourly": "0 * * * *"
}

/** The schedules of a periodic block, or the first of them that is none. Years are not looked at. */
export const cronsOf = (periodic: JsonObject): ReadonlyArray<Cron.Cron> | { readonly wrong: string } => {
  const specs = [...asList(periodic["Specs"]), periodic["Spec"] ?? ""]
    .map(String)
    .filter((spec) => spec !== "")
  const crons: Array<Cron.Cron> = []
  for (const spec of specs) {
    const fields = (named[spec] ?? spec).trim().split(/\s+/)
    // Of seven the first are seconds; a sixth, and a seventh, are years.
    const known = fields.length === 7 ? fields.slice(0, 6) : fields.slice(0, 5)
    const parsed = Cron.parse(known.join(" "), textOf(periodic["TimeZone"], "UTC"))
    if (Result.isFailure(parsed) || fields.length < 5) return { wrong: spec }
    crons.push(parsed.success)
  }
  return crons
}

/** When a periodic job is launched next, in milliseconds since 1970; `undefined` for one that is not. */
export const nextLaunch = ({ Periodic, Stop }: Job, now: number): number | undefined => {
  if (!isObject(Periodic) || Stop || Periodic["Enabled"] === false) return undefined
  const crons = cronsOf(Periodic)
  if ("wrong" in crons) return undefined
  const after = Option.getOrThrow(DateTime.make(now))
  const times = crons.map((cron) => Cron.next(cron, after).getTime())
  return times.length === 0 ? undefined : Math.min(...times)
}

/** Stores a child of a periodic or parameterized job, with its evaluation. */
export const launch = (
  cluster: Cluster,
  parent: Job,
  id: string,
  trigger: "periodic-job" | "job-register",
  parts: JsonObject = {}
): Evaluation => {
  const { state } = cluster
  return state.commit("JobRegistered", (index, now) => {
    const job = {
      ...parent,
      Periodic: null,
      ...parts,
      ID: id,
      Name: id,
      ParentID: parent.ID,
      Status: "pending",
      Stable: false,
      Version: 0,
      VersionTag: null,
      SubmitTime: now,
      CreateIndex: index,
      ModifyIndex: index,
      JobModifyIndex: index
    } as Job
    state.putJob(job)
    const made = newEvaluation(cluster, job, trigger, index, now, { JobModifyIndex: index })
    state.putEvaluation(made)
    return made
  })
}

/** Launches a periodic job now. */
export const launchPeriodic = (cluster: Cluster, parent: Job): Evaluation =>
  launch(cluster, parent, `${parent.ID}/periodic-${cluster.now() / 1_000_000_000n}`, "periodic-job")

const isAlive = (job: Job): boolean => job.Status !== "dead"

/** Launches the periodic jobs of the cluster when their time has come, for as long as it lives. */
export const makePeriodic = (cluster: Cluster, enqueue: (evaluation: Evaluation) => void): void => {
  const { state } = cluster
  /** `JobModifyIndex` of those that wait for their time. */
  const waiting = new Map<string, number>()

  const arm = (key: string, job: Job): void => {
    const next = nextLaunch(job, toMillis(cluster.now()))
    if (next === undefined) return
    cluster.after(next - toMillis(cluster.now()), () => {
      const latest = state.jobs.get(key)
      if (latest === undefined || latest.JobModifyIndex !== job.JobModifyIndex) return
      const overlaps = state.childrenOf(latest).some(isAlive)
      if (!(overlaps && isObject(latest.Periodic) && latest.Periodic["ProhibitOverlap"] === true)) {
        enqueue(launchPeriodic(cluster, latest))
      }
      arm(key, latest)
    })
  }

  state.onCommit(() => {
    for (const key of state.periodic) {
      const job = state.jobs.get(key)
      if (job === undefined) waiting.delete(key)
      else if (waiting.get(key) !== job.JobModifyIndex) {
        waiting.set(key, job.JobModifyIndex)
        arm(key, job)
      }
    }
  })
}

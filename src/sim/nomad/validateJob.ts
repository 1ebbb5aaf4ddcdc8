import { cronsOf } from "./children.ts"
import type { Job, Task, TaskGroup, UpdateStrategy } from "./Job.ts"
import { isObject, textOf } from "./Json.ts"
import { multiError } from "./Refusal.ts"
import { goDuration } from "./time.ts"

const types = new Set(["service", "batch", "system", "sysbatch"])

/** What Nomad says against a job, in its words; empty for a valid one. */
export const validateJob = (job: Job, enterprise: boolean): ReadonlyArray<string> => {
  const errors: Array<string> = []
  if (job.ID.includes(" ")) errors.push("Job ID contains a space")
  if (job.ID.includes("\0")) errors.push("Job ID contains a null character")
  if (!types.has(job.Type)) errors.push(`Invalid job type: ${JSON.stringify(job.Type)}`)
  if (job.Priority < 1 || job.Priority > 100) errors.push("Job priority must be between [1, 100]")
  if (job["Multiregion"] !== null && !enterprise) errors.push("Multiregion jobs are unlicensed.")
  errors.push(...validatePeriodic(job))
  if (textOf(job["Payload"]) !== "") errors.push("job can't be submitted with a payload, only dispatched")
  if (job.TaskGroups.length === 0) errors.push("Missing job task groups")
  const seen = new Map<string, number>()
  for (const [at, { Name, Count }] of job.TaskGroups.entries()) {
    const earlier = seen.get(Name)
    if (Name === "") errors.push(`Job task group ${at + 1} missing name`)
    else if (earlier !== undefined) {
      errors.push(`Job task group ${at + 1} redefines '${Name}' from group ${earlier + 1}`)
    } else seen.set(Name, at)
    if (job.Type === "system" && Count > 1) {
      errors.push(`Job task group ${Name} has count ${Count}. Count cannot exceed 1 with system scheduler`)
    }
  }
  for (const group of job.TaskGroups) {
    const found = validateGroup(job, group)
    if (found.length > 0) errors.push(`Task group ${group.Name} validation failed: ${multiError(found)}`)
  }
  return errors
}

const validatePeriodic = ({ Periodic, Type }: Job): ReadonlyArray<string> => {
  if (Periodic === null) return []
  if (Type !== "batch" && Type !== "sysbatch") {
    return [`Periodic can only be used with "batch" or "sysbatch" scheduler`]
  }
  const crons = cronsOf(Periodic)
  if (!("wrong" in crons)) return crons.length === 0 ? [multiError(["Must specify a spec"])] : []
  const what = crons.wrong.trim().split(/\s+/).length < 5 ? "missing field(s)" : "syntax error"
  return [multiError([`Invalid cron spec ${JSON.stringify(crons.wrong)}: ${what}`])]
}

const validateScaling = ({ Count, Scaling }: TaskGroup): ReadonlyArray<string> => {
  if (!isObject(Scaling)) return []
  const [least, most] = [Number(Scaling["Min"]), Number(Scaling["Max"])]
  const rules: ReadonlyArray<readonly [broken: boolean, words: string]> = [
    [most < 0, "maximum count must be specified and non-negative"],
    [most >= 0 && most < least, "maximum count must not be less than minimum count"],
    [Count < least, "task group count must not be less than minimum count in scaling policy"],
    [most < Count, "task group count must not be greater than maximum count in scaling policy"]
  ]
  const errors = rules.flatMap(([broken, words]) => (broken ? [`Scaling policy invalid: ${words}`] : []))
  return errors.length === 0 ? [] : [`Task group scaling policy validation failed: ${multiError(errors)}`]
}

const validateGroup = (job: Job, group: TaskGroup): ReadonlyArray<string> => {
  const errors: Array<string> = []
  if (group.Name === "") errors.push("Missing task group name")
  if (group.Count < 0) errors.push("Task group count can't be negative")
  errors.push(...validateScaling(group))
  if (group.Tasks.length === 0) errors.push("Missing tasks for task group")
  if ((job.Type === "system" || job.Type === "sysbatch") && group.ReschedulePolicy !== null) {
    errors.push("System or sysbatch jobs should not have a reschedule policy")
  }
  if (group.Update !== null) {
    if (job.Type !== "service" && job.Type !== "system") {
      errors.push(`Job type "${job.Type}" does not allow update block`)
    }
    errors.push(...validateUpdate(group.Update))
  }
  if (job.Type !== "service" && group["Migrate"] !== null) {
    errors.push(`Job type "${job.Type}" does not allow migrate block`)
  }
  const seen = new Map<string, number>()
  for (const [at, { Name }] of group.Tasks.entries()) {
    const earlier = seen.get(Name)
    if (Name === "") errors.push(`Task ${at + 1} missing name`)
    else if (earlier !== undefined) errors.push(`Task ${at + 1} redefines '${Name}' from task ${earlier + 1}`)
    else seen.set(Name, at)
  }
  for (const task of group.Tasks) {
    const found = validateTask(group, task)
    if (found.length > 0) errors.push(`Task ${task.Name} validation failed: ${multiError(found)}`)
  }
  return errors
}

const validateTask = (group: TaskGroup, task: Task): ReadonlyArray<string> => {
  const errors: Array<string> = []
  if (task.Driver === "") errors.push("Missing task driver")
  const deadline = group.Update?.ProgressDeadline ?? 0
  if (deadline > 0 && task.KillTimeout > deadline) {
    // Spelled as Nomad spells it.
    errors.push(
      `KillTimout (${goDuration(task.KillTimeout)}) longer than the group's ProgressDeadline (${goDuration(deadline)})`
    )
  }
  return errors
}

const healthChecks = new Set(["checks", "task_states", "manual"])

const validateUpdate = (update: UpdateStrategy): ReadonlyArray<string> => {
  const { MinHealthyTime: least, HealthyDeadline: healthy, ProgressDeadline: progress } = update
  const rules: ReadonlyArray<readonly [broken: boolean, words: string]> = [
    [
      !healthChecks.has(update.HealthCheck),
      `Invalid health check given: ${JSON.stringify(update.HealthCheck)}`
    ],
    [update.MaxParallel < 0, `Max parallel can not be less than zero: ${update.MaxParallel} < 0`],
    [update.Canary < 0, `Canary count can not be less than zero: ${update.Canary} < 0`],
    [update.Canary === 0 && update.AutoPromote, "Auto Promote requires a Canary count greater than zero"],
    [healthy <= 0, `Healthy deadline must be greater than zero: ${goDuration(healthy)}`],
    [
      least >= healthy,
      `Minimum healthy time must be less than healthy deadline: ${goDuration(least)} > ${goDuration(healthy)}`
    ],
    [
      progress !== 0 && healthy >= progress,
      `Healthy deadline must be less than progress deadline: ${goDuration(healthy)} > ${goDuration(progress)}`
    ],
    [update.Stagger <= 0, `Stagger must be greater than zero: ${goDuration(update.Stagger)}`]
  ]
  return rules.flatMap(([broken, words]) => (broken ? [words] : []))
}

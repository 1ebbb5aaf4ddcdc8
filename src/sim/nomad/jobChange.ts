import { groupOf, type Job, type Task, type TaskGroup } from "./Job.ts"
import { type JsonObject, sameJson } from "./Json.ts"

const serversOwn = [
  "Status",
  "StatusDescription",
  "Stable",
  "Version",
  "CreateIndex",
  "ModifyIndex",
  "JobModifyIndex",
  "SubmitTime"
]

/** Whether a register of `next` makes a new version: a deep comparison but for the server's own fields. */
export const specChanged = (stored: Job, next: Job): boolean => {
  const own: JsonObject = Object.fromEntries(serversOwn.map((key) => [key, null]))
  return !sameJson({ ...stored, ...own }, { ...next, ...own })
}

const taskFields = [
  "Driver",
  "User",
  "Config",
  "Env",
  "Artifacts",
  "Vault",
  "Secrets",
  "Consul",
  "Templates",
  "CSIPluginConfig",
  "VolumeMounts",
  "Resources",
  "Identity",
  "Identities"
]
const groupFields = ["EphemeralDisk", "Networks", "Consul", "Volumes"]

const mergedMeta = (job: Job, group: TaskGroup, task: Task): JsonObject => ({
  ...job.Meta,
  ...group.Meta,
  ...task.Meta
})
const field = (object: JsonObject, outer: string, key: string) =>
  (object[outer] as JsonObject | undefined)?.[key]

/** Whether allocations of the group must be replaced to get from one version to the other (`nomad-api.md` §4). */
export const isDestructive = (from: Job, to: Job, name: string): boolean => {
  const a = groupOf(from, name)
  const b = groupOf(to, name)
  if (a === undefined || b === undefined || a.Tasks.length !== b.Tasks.length) return true
  if (groupFields.some((key) => !sameJson(a[key], b[key]))) return true
  if (field(a, "RestartPolicy", "RenderTemplates") !== field(b, "RestartPolicy", "RenderTemplates"))
    return true
  return a.Tasks.some((task) => {
    const next = b.Tasks.find((each) => each.Name === task.Name)
    return (
      next === undefined ||
      taskFields.some((key) => !sameJson(task[key], next[key])) ||
      !sameJson(mergedMeta(from, a, task), mergedMeta(to, b, next)) ||
      field(task, "LogConfig", "Disabled") !== field(next, "LogConfig", "Disabled") ||
      field(task, "RestartPolicy", "RenderTemplates") !== field(next, "RestartPolicy", "RenderTemplates")
    )
  })
}

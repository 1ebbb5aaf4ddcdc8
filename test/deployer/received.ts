import { markerKey } from "../../src/domain/Attempt.ts"
import type { Mapping } from "../../src/domain/Watched.ts"
import { isOurs } from "./generatedJob.ts"
import type { Json } from "./jobs.ts"

/** What of a job is looked at here; all of it is compared. */
export interface ReadTask extends Json {
  readonly Name: string
  readonly Kind: string
  readonly Config: Json
  readonly Constraints: ReadonlyArray<Json> | null
}
interface ReadGroup extends Json {
  readonly Name: string
  readonly Constraints: ReadonlyArray<Json> | null
  readonly Tasks: ReadonlyArray<ReadTask>
}
export interface ReadJob extends Json {
  readonly TaskGroups: ReadonlyArray<ReadGroup>
  readonly JobModifyIndex: number
}

export type Chosen = Pick<Mapping, "tasks" | "group" | "imageForm">

/** Where a task stands in its job. */
export interface Place {
  readonly path: string
  readonly group: string
  readonly task: ReadTask
}

export const placesOf = ({ TaskGroups }: Pick<ReadJob, "TaskGroups">): ReadonlyArray<Place> =>
  TaskGroups.flatMap(({ Name: group, Tasks }, at) =>
    Tasks.map((task, index) => ({ path: `/TaskGroups/${at}/Tasks/${index}`, group, task }))
  )

/** The places that the mapping is of; undefined: nothing may be written. */
export const mappedPlaces = (job: ReadJob, { tasks, group }: Chosen): ReadonlyArray<Place> | undefined => {
  if (job["Stop"] === true || job["Multiregion"] !== null) return undefined
  const isOf = ({ task }: Place) => isOurs(task.Config["image"])
  const named = placesOf(job).filter(
    (place) =>
      (tasks.length === 0 ? isOf(place) : tasks.includes(place.task.Name)) &&
      (group === undefined || group === place.group) &&
      !place.task.Kind.startsWith("connect-")
  )
  const isMissing = tasks.some((name) => !named.some(({ task }) => task.Name === name))
  return named.length === 0 || isMissing || !named.every(isOf) ? undefined : named
}

const partition = '{"LTarget":"${attr.consul.partition}","Operand":"=","RTarget":"p"}'
const identity = '{"LTarget":"${attr.nomad.version}","Operand":"semver","RTarget":">= 1.7.0-a"}'

const listOf = (holder: Json, key: string) => (holder[key] ?? []) as ReadonlyArray<Json>
const isInPartition = ({ Consul }: Json) => (Consul as Json | null)?.["Partition"] === "p"
const isIdentified = (group: ReadGroup): boolean =>
  group.Tasks.some((task) => listOf(task, "Identities").length > 0) ||
  [group, ...group.Tasks].some((holder) => listOf(holder, "Services").some((one) => one["Identity"] !== null))

const less = (constraints: ReadonlyArray<Json> | null, appended: string) => {
  const last = constraints?.findLastIndex((each) => JSON.stringify(each) === appended) ?? -1
  return constraints === null || last === -1 ? constraints : constraints.toSpliced(last, 1)
}

const outside = <A extends ReadTask | ReadGroup>(holder: A): A =>
  isInPartition(holder) ? { ...holder, Constraints: less(holder.Constraints, partition) } : holder

/** The job, and what a server appends at every register once less (T5). */
export const withoutAppended = (job: ReadJob): ReadJob => {
  const TaskGroups = job.TaskGroups.map((given) => {
    const group = outside({ ...given, Tasks: given.Tasks.map(outside) })
    return isIdentified(given) ? { ...group, Constraints: less(group.Constraints, identity) } : group
  })
  return { ...job, TaskGroups }
}

export const valueAt = (value: unknown, path: string): unknown =>
  path
    .split("/")
    .slice(1)
    .reduce((held, key) => (held as Json | undefined)?.[key], value)

/** What may differ between the job that was read and the one that is received, by path (S5); undefined: it is gone. */
export const allowedDifferences = (
  stored: ReadJob,
  images: ReadonlyMap<string, string>,
  attempt: string,
  form: Mapping["imageForm"]
): ReadonlyMap<string, unknown> => {
  const allowed = new Map<string, unknown>([["/VersionTag", undefined]])
  for (const [path, image] of images) {
    allowed.set(`${path}/Config/image`, image)
    if (form === "tag" && valueAt(stored, `${path}/Config/force_pull`) !== true)
      allowed.set(`${path}/Config/force_pull`, true)
    if (valueAt(stored, `${path}/Meta`) === null) allowed.set(`${path}/Meta`, { [markerKey]: attempt })
    else allowed.set(`${path}/Meta/${markerKey}`, attempt)
  }
  return allowed
}

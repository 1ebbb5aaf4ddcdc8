import { type AttemptId, markerKey } from "../../domain/Attempt.ts"
import { printImageReference } from "../../domain/ImageReference.ts"
import type { Target } from "../../domain/Target.ts"
import type { Mapping } from "../../domain/Watched.ts"
import { appendedConstraints, withoutLast } from "./appendedConstraints.ts"
import type { MappedTask } from "./findTasks.ts"
import type { NomadJob } from "./NomadJob.ts"

/** A job as JSON, with everything that Nomad said, known to us or not. */
export type RawJob = Readonly<Record<string, unknown>>

/** `value` with what stands at `path` changed; what is not on the path is the same object. */
const changeAt = (
  value: unknown,
  [key, ...rest]: ReadonlyArray<string | number>,
  change: (old: unknown) => unknown
): unknown => {
  if (key === undefined) return change(value)
  if (Array.isArray(value)) return value.map((item, at) => (at === key ? changeAt(item, rest, change) : item))
  const old: RawJob = typeof value === "object" && value !== null ? (value as RawJob) : {}
  return { ...old, [key]: changeAt(old[key], rest, change) }
}

/** The text for `Config.image`: the name stays as the job has it. */
export const imageFor = (
  { scheme, reference }: MappedTask,
  target: Target,
  form: Mapping["imageForm"]
): string =>
  scheme +
  printImageReference({ ...reference, tag: target.tag, digest: form === "digest" ? target.digest : null })

/**
 * The job with the target's image and the attempt's marker in its mapped tasks, and nothing else changed (S5), but
 * for two things that a register of the job as read would itself change: a version tag would stand on two versions
 * (T4), and the constraints that the server appends would stand there once more (T5): of each the last is taken out,
 * which the server puts back.
 */
export const editJob = (
  job: RawJob,
  view: NomadJob,
  tasks: ReadonlyArray<MappedTask>,
  image: (task: MappedTask) => string,
  form: Mapping["imageForm"],
  attempt: AttemptId
): RawJob => {
  let edited: unknown = job
  for (const task of tasks) {
    const at = ["TaskGroups", task.groupIndex, "Tasks", task.taskIndex]
    edited = changeAt(edited, [...at, "Config", "image"], () => image(task))
    if (form === "tag") edited = changeAt(edited, [...at, "Config", "force_pull"], () => true)
    edited = changeAt(edited, [...at, "Meta", markerKey], () => attempt)
  }
  return postable(edited as RawJob, view)
}

/** The job as read, without what a register of it would itself change (T4, T5). */
export const postable = (job: RawJob, view: NomadJob): RawJob => {
  let edited: unknown = job
  for (const { at, constraint } of appendedConstraints(view))
    edited = changeAt(edited, at, (old) => (Array.isArray(old) ? withoutLast(old, constraint) : old))
  const { VersionTag: _dropped, ...rest } = edited as RawJob
  return rest
}

/** JSON text that is equal for equal values: Nomad gives the keys of free maps in any order. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item
  )

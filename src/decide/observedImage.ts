import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { History } from "../domain/History.ts"
import type { ObservedTask, Runs } from "../domain/Observed.ts"
import { compareVersions, parseVersion } from "./version.ts"

/**
 * The mapped task that stands for all where they differ: the one of the highest version, else the first. What is
 * below the highest is never deployed by itself (S8).
 */
export const highestTask = ({ tasks }: Pick<Runs, "tasks">): ObservedTask => {
  let highest = tasks[0]
  for (const task of tasks) {
    const [a, b] = [versionOf(highest), versionOf(task)]
    if (b !== null && (a === null || compareVersions(b, a) > 0)) highest = task
  }
  return highest
}

const versionOf = ({ tag }: ObservedTask) => (tag === null ? null : parseVersion(tag))

/**
 * The digest that a task runs: the image's own; in tag form that of the attempt whose marker the task carries; without
 * a marker of ours the baseline's, if the tag is still the baseline's. Null where nothing says it: first sight while the
 * registry was silent, or somebody registered our tag anew, without digest and marker.
 */
export const runningDigest = (task: ObservedTask, desired: Desired, history: History): Digest | null => {
  if (task.digest !== null) return task.digest
  const marked = task.marker === null ? undefined : history.markers.get(task.marker)
  if (marked !== undefined && marked !== "adopted" && marked.tag === task.tag) return marked.digest
  return task.tag === desired.baselineTag && !isBaselineOurs(desired, history) ? desired.baselineDigest : null
}

/**
 * True while the baseline is what our last accepted attempt wrote: both times are then of one statement. Later, it was
 * seen since; earlier, that attempt was accepted in a job that the repository left, and set no baseline.
 */
const isBaselineOurs = ({ baselineAt }: Desired, { lastAccepted }: History): boolean => {
  const acceptedAt = lastAccepted?.acceptedAt ?? null
  return acceptedAt !== null && baselineAt !== null && baselineAt.getTime() === acceptedAt.getTime()
}

/**
 * The task whose image somebody else changed since the baseline was set: by our last accepted attempt, by Nomad's own
 * rollback, or at first sight.
 */
export const foreignTask = (runs: Runs, desired: Desired, history: History): ObservedTask | null => {
  const { baselineTag, baselineDigest, baselineAt } = desired
  if (baselineAt === null) return null
  const tasks = isBaselineOfAll(desired, history) ? runs.tasks : [highestTask(runs)]
  const baseline = { tag: baselineTag, digest: baselineDigest }
  return tasks.find((task) => !couldBe(running(task, desired, history), baseline)) ?? null
}

/**
 * True where each mapped task is held against the baseline: our attempt wrote it to all, or all were seen to run it. Of
 * tasks that differed when they were seen one image is kept, and the highest stands for them.
 */
export const isBaselineOfAll = (desired: Desired, history: History): boolean =>
  isBaselineOurs(desired, history) || desired.baselineAllAt?.getTime() === desired.baselineAt?.getTime()

type Image = Pick<ObservedTask, "tag" | "digest">

const running = (task: ObservedTask, desired: Desired, history: History): Image => ({
  tag: task.tag,
  digest: runningDigest(task, desired, history)
})

/** True if nothing that is known of the tasks speaks against it that each of them runs this image. */
export const isImageOfAll = (image: Image, runs: Runs, desired: Desired, history: History): boolean =>
  runs.tasks.every((task) => couldBe(running(task, desired, history), image))

/** A digest that nobody knows yet can be any. */
export const couldBe = (a: Image, b: Image): boolean =>
  a.tag === b.tag && (a.digest === null || b.digest === null || a.digest === b.digest)

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

/** True while the baseline is what our last accepted attempt wrote, and not what was seen since. */
const isBaselineOurs = ({ baselineAt }: Desired, { lastAccepted }: History): boolean => {
  const acceptedAt = lastAccepted?.acceptedAt ?? null
  return acceptedAt !== null && baselineAt !== null && baselineAt.getTime() <= acceptedAt.getTime()
}

/**
 * The task whose image somebody else changed since the baseline was set: by our last accepted attempt, by Nomad's own
 * rollback, or at first sight. Ours sets all tasks, so that each is held against it; of what was only seen, one image is
 * kept for all, and the highest stands for them.
 */
export const foreignTask = (runs: Runs, desired: Desired, history: History): ObservedTask | null => {
  if (desired.baselineAt === null) return null
  const tasks = isBaselineOurs(desired, history) ? runs.tasks : [highestTask(runs)]
  return (
    tasks.find(
      (task) =>
        task.tag !== desired.baselineTag ||
        !couldBe(runningDigest(task, desired, history), desired.baselineDigest)
    ) ?? null
  )
}

/** A digest that nobody knows yet can be any. */
const couldBe = (a: Digest | null, b: Digest | null): boolean => a === null || b === null || a === b

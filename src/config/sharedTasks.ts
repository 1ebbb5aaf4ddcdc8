import { Option } from "effect"
import { parseImageName, sameRepository } from "../domain/ImageReference.ts"
import type { Mapping } from "../domain/Watched.ts"

const meet = <A>(a: ReadonlyArray<A>, b: ReadonlyArray<A>): ReadonlyArray<A> =>
  a.filter((one) => b.includes(one))

const sameImage = (a: string, b: string): boolean =>
  Option.getOrElse(Option.zipWith(parseImageName(a), parseImageName(b), sameRepository), () => false)

/**
 * Words for the tasks that two mappings may both move, `undefined` where they cannot (S18, S22).
 * A region left out is the agent's own, which may be any that the other names.
 */
export const sharedTasks = (a: Mapping, b: Mapping): string | undefined => {
  const isOneRegion = a.job.region === b.job.region || a.job.region === "" || b.job.region === ""
  if (!isOneRegion || a.job.namespace !== b.job.namespace || a.job.job !== b.job.job) return undefined
  if (a.group !== undefined && b.group !== undefined && a.group !== b.group) return undefined
  if (a.tasks.length > 0 && b.tasks.length > 0) {
    const both = meet(a.tasks, b.tasks)
    return both.length === 0 ? undefined : `task ${both.map((task) => JSON.stringify(task)).join(", ")}`
  }
  // One of them names no task: it is every task that runs its image.
  const image = a.imageNames.find((one) => b.imageNames.some((other) => sameImage(one, other)))
  return image === undefined ? undefined : `every task that runs ${image}`
}

import { runsToEnd, type Job, type Task } from "./Job.ts"
import { textOf } from "./Json.ts"
import type { Start } from "./Outcome.ts"

/** The image that a task names, `""` where it names none. */
export const imageOf = (task: Task): string => textOf(task.Config?.["image"])

/** What an outcome is asked for. */
export const startOf = (
  asks: Start["asks"],
  { Job, TaskGroup }: { readonly Job: Job; readonly TaskGroup: string },
  task: Task,
  image = imageOf(task),
  restarts = 0
): Start => ({
  asks,
  namespace: Job.Namespace,
  job: Job.ID,
  version: Job.Version,
  group: TaskGroup,
  task: task.Name,
  driver: task.Driver,
  config: task.Config ?? {},
  image,
  batch: runsToEnd(Job),
  restarts
})

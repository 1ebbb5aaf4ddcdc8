import { type Allocation, isFinished } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { newTask, type TaskState } from "./TaskState.ts"
import type { Nanos } from "./time.ts"

/** What the client knows of an allocation; the servers know what was last reported. */
export interface Local {
  tasks: Record<string, TaskState>
  /** Times of the restarts of each task. */
  readonly restarts: Record<string, ReadonlyArray<Nanos>>
  health: { readonly healthy: boolean; readonly at: Nanos } | null
  /** The deployment whose deadline for health is running. */
  watched: string
  stopping: boolean
  /** Some task's health check never passes. */
  unwell: boolean
  /** Dead tasks whose logs are still being closed: the allocation is not finished before. */
  readonly closing: Set<string>
}

/** Called within the commit of a report, with each allocation as it was and as it is. */
export type Reporting = (before: ReadonlyArray<Allocation>, after: ReadonlyArray<Allocation>) => void

/** The client's own view of its allocations, told to the servers in batches: one index each. */
export const makeReports = ({ state, timings, after }: Cluster, updated: Reporting) => {
  const locals = new Map<string, Local>()
  const dirty = new Set<string>()

  const flush = (): void => {
    const ids = [...dirty]
    dirty.clear()
    state.commit("AllocationUpdated", (index, at) => {
      const before: Array<Allocation> = []
      const reported: Array<Allocation> = []
      for (const id of ids) {
        const allocation = state.allocations.get(id)
        const local = locals.get(id)
        if (allocation === undefined) locals.delete(id)
        if (allocation === undefined || local === undefined) continue
        const next = report(allocation, local, index, at)
        before.push(allocation)
        reported.push(next)
        state.putAllocation(next)
        if (isFinished(next) && next.DesiredStatus === "stop") locals.delete(id)
      }
      updated(before, reported)
    })
  }

  const tell = (id: string): void => {
    if (dirty.size === 0) after(timings.clientBatch, flush)
    dirty.add(id)
  }

  return {
    open: (id: string, tasks: ReadonlyArray<string>): void => {
      locals.set(id, {
        tasks: Object.fromEntries(tasks.map((task) => [task, newTask])),
        restarts: {},
        health: null,
        watched: "",
        stopping: false,
        unwell: false,
        closing: new Set()
      })
    },
    close: (id: string): void => {
      locals.delete(id)
    },
    /** Drops those that the servers no longer have. */
    forget: (isKnown: (id: string) => boolean): void => {
      for (const id of locals.keys()) if (!isKnown(id)) locals.delete(id)
    },
    local: (id: string): Local | undefined => locals.get(id),
    /** Has the allocation reported with the next batch. */
    tell,
    change: (id: string, task: string, to: (known: TaskState) => TaskState): void => {
      const local = locals.get(id)
      if (local === undefined) return
      local.tasks = { ...local.tasks, [task]: to(local.tasks[task] ?? newTask) }
      tell(id)
    }
  }
}

const clientStatus = ({
  tasks,
  closing
}: Local): readonly [Allocation["ClientStatus"], description: string] => {
  const states = Object.entries(tasks).map(([name, each]) => ({
    failed: each.Failed,
    state: closing.has(name) ? "pending" : each.State
  }))
  if (states.some((each) => each.state === "dead" && each.failed)) return ["failed", "Failed tasks"]
  if (states.some((each) => each.state === "running")) return ["running", "Tasks are running"]
  return states.every((each) => each.state === "dead")
    ? ["complete", "All tasks have completed"]
    : ["pending", "No tasks have started"]
}

const report = (allocation: Allocation, local: Local, index: number, at: Nanos): Allocation => {
  const [ClientStatus, ClientDescription] = clientStatus(local)
  const { health } = local
  const known = allocation.DeploymentStatus
  const isNews = health !== null && known?.Healthy !== health.healthy
  const DeploymentStatus = isNews
    ? {
        Healthy: health.healthy,
        Timestamp: health.at,
        Canary: known?.Canary ?? false,
        ModifyIndex: index
      }
    : known
  return {
    ...allocation,
    ClientStatus,
    ClientDescription,
    TaskStates: local.tasks,
    DeploymentStatus,
    ModifyIndex: index,
    ModifyTime: at
  }
}

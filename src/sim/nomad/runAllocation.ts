import { type Allocation, isFinished } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { groupOf, runsToEnd, type Task } from "./Job.ts"
import { type JsonObject, textOf } from "./Json.ts"
import type { Outcome } from "./Outcome.ts"
import { newTask, type TaskEvent, type TaskState, withEvent } from "./TaskState.ts"
import { goDuration, millis, type Nanos, toMillis } from "./time.ts"

/** What the client knows of an allocation and the servers have not been told yet. */
interface Local {
  tasks: Record<string, TaskState>
  /** Starts of tasks within the restart interval. */
  starts: Record<string, ReadonlyArray<Nanos>>
  health: { readonly healthy: boolean; readonly at: Nanos } | null
  /** Raised when health is to be found anew, by an update in place. */
  watch: number
  stopping: boolean
  /** Some task's health check never passes. */
  unwell: boolean
  /** Dead tasks whose logs are still being closed: the allocation is not finished yet. */
  closing: ReadonlySet<string>
}

export interface ClientEvents {
  /** A batch of updates was stored; these allocations changed. */
  readonly updated: (before: ReadonlyArray<Allocation>, after: ReadonlyArray<Allocation>) => void
}

const event = (
  Type: string,
  Time: Nanos,
  DisplayMessage: string,
  Details: Readonly<Record<string, string>> = {},
  flat: JsonObject = {}
): TaskEvent => ({ Type, Time, DisplayMessage, Details, flat })

/**
 * The client agent of the one node: starts the tasks of an allocation, restarts them by their policy,
 * finds out whether the allocation is healthy, and tells the servers in batches.
 */
export const makeClient = (cluster: Cluster, events: ClientEvents) => {
  const { state, timings, after, now } = cluster
  const locals = new Map<string, Local>()
  const dirty = new Set<string>()

  const flush = (): void => {
    const ids = [...dirty]
    dirty.clear()
    const before: Array<Allocation> = []
    const updated: Array<Allocation> = []
    state.commit((index, at) => {
      for (const id of ids) {
        const allocation = state.allocations.get(id)
        const local = locals.get(id)
        if (allocation === undefined || local === undefined) continue
        const next = report(allocation, local, index, at)
        before.push(allocation)
        updated.push(next)
        state.putAllocation(next)
        if (isFinished(next) && next.DesiredStatus === "stop") locals.delete(id)
      }
      events.updated(before, updated)
    })
  }
  const tell = (id: string): void => {
    if (dirty.size === 0) after(timings.clientBatch, flush)
    dirty.add(id)
  }

  const change = (id: string, task: string, change: (state: TaskState) => TaskState): void => {
    const local = locals.get(id)
    if (local === undefined) return
    local.tasks[task] = change(local.tasks[task] ?? newTask)
    tell(id)
  }

  const place = (id: string): void => {
    const allocation = state.allocations.get(id)
    if (allocation === undefined) return
    const tasks = groupOf(allocation.Job, allocation.TaskGroup)?.Tasks ?? []
    locals.set(id, {
      tasks: Object.fromEntries(tasks.map((task) => [task.Name, newTask])),
      starts: {},
      health: null,
      watch: 0,
      stopping: false,
      unwell: false,
      closing: new Set()
    })
    after(timings.receive, () => {
      const at = now()
      for (const task of tasks) {
        change(id, task.Name, (state) =>
          withEvent(
            withEvent(state, event("Received", at, "Task received by client")),
            event("Task Setup", at, building, { message: building }, { Message: building })
          )
        )
        start(id, task)
      }
      watchHealth(id)
    })
  }

  const start = (id: string, task: Task): void => {
    const allocation = state.allocations.get(id)
    const local = locals.get(id)
    if (allocation === undefined || local === undefined || local.stopping) return
    const image = textOf(task.Config?.["image"])
    const outcome = cluster.outcome({
      namespace: allocation.Namespace,
      job: allocation.JobID,
      version: allocation.Job.Version,
      group: allocation.TaskGroup,
      task: task.Name,
      driver: task.Driver,
      config: task.Config ?? {},
      image,
      batch: runsToEnd(allocation.Job)
    })
    if (image !== "") {
      const flat = { DriverMessage: "Downloading image" }
      change(id, task.Name, (state) =>
        withEvent(state, event("Driver", now(), "Downloading image", { image }, flat))
      )
    }
    after(outcome.after ?? 50, () => {
      if (local.stopping) return
      if (outcome._tag === "PullFails") {
        const words =
          outcome.words ??
          `Failed to pull \`${image}\`: Error response from daemon: manifest for ${image} not found: manifest unknown: manifest unknown`
        change(id, task.Name, (state) =>
          withEvent(
            state,
            event("Driver Failure", now(), words, { driver_error: words }, { DriverError: words })
          )
        )
        return end(id, task, true, false)
      }
      const at = now()
      local.unwell ||= outcome._tag === "NeverHealthy"
      change(id, task.Name, (state) => ({
        ...withEvent(state, event("Started", at, "Task started by client")),
        State: "running",
        StartedAt: at
      }))
      watchHealth(id)
      if (outcome._tag === "Exits") after(outcome.runs ?? 3, () => exit(id, task, outcome))
    })
  }

  const exit = (id: string, task: Task, { code }: Extract<Outcome, { _tag: "Exits" }>): void => {
    const local = locals.get(id)
    const allocation = state.allocations.get(id)
    if (local === undefined || allocation === undefined || local.stopping) return
    change(id, task.Name, (state) => withEvent(state, terminated(now(), code, 0)))
    end(id, task, code !== 0, code === 0 && runsToEnd(allocation.Job))
  }

  /** A task that ended by itself: restarted within its policy, else dead. */
  const end = (id: string, task: Task, failed: boolean, done: boolean): void => {
    const local = locals.get(id)
    if (local === undefined) return
    const policy = task.RestartPolicy
    const at = now()
    if (done) {
      change(id, task.Name, (state) => ({ ...state, State: "dead", FinishedAt: at }))
      return settle(id)
    }
    const recent = (local.starts[task.Name] ?? []).filter((each) => each > at - BigInt(policy.Interval))
    if (recent.length < policy.Attempts || (policy.Mode === "delay" && policy.Attempts > 0)) {
      local.starts[task.Name] = [...recent, at]
      const wait =
        recent.length < policy.Attempts
          ? Math.round(policy.Delay * (1 + cluster.random() / 4))
          : Number((recent[0] ?? at) + BigInt(policy.Interval) - at)
      change(id, task.Name, (state) => ({
        ...withEvent(
          state,
          event(
            "Restarting",
            at,
            `Task restarting in ${goDuration(wait)}`,
            { restart_reason: withinPolicy, start_delay: String(wait) },
            { RestartReason: withinPolicy, StartDelay: wait }
          )
        ),
        State: "pending",
        Restarts: state.Restarts + 1,
        LastRestart: at
      }))
      return after(toMillis(wait), () => start(id, task))
    }
    const reason =
      policy.Attempts === 0
        ? "Policy allows no restarts"
        : `Exceeded allowed attempts ${policy.Attempts} in interval ${goDuration(policy.Interval)} and mode is "fail"`
    change(id, task.Name, (state) => ({
      ...withEvent(
        state,
        event(
          "Not Restarting",
          at,
          reason,
          { restart_reason: reason, fails_task: "true" },
          { RestartReason: reason, FailsTask: true }
        )
      ),
      State: "dead",
      Failed: failed,
      FinishedAt: at
    }))
    if (local.tasks[task.Name]?.StartedAt !== null) return settle(id)
    local.closing = new Set([...local.closing, task.Name])
    after(timings.logClose, () => {
      local.closing = new Set([...local.closing].filter((name) => name !== task.Name))
      settle(id)
    })
  }

  /** One task is dead: the others of its allocation are killed with it where it failed. */
  const settle = (id: string): void => {
    const local = locals.get(id)
    const allocation = state.allocations.get(id)
    if (local === undefined || allocation === undefined) return
    const states = Object.entries(local.tasks)
    const failed = states.find(([, each]) => each.State === "dead" && each.Failed)
    if (failed !== undefined || !runsToEnd(allocation.Job)) {
      for (const [name, each] of states) {
        if (each.State === "dead") continue
        change(id, name, (state) =>
          killed(
            withEvent(
              state,
              event("Sibling Task Failed", now(), `Task's sibling "${failed?.[0] ?? ""}" failed`, {
                failed_sibling: failed?.[0] ?? ""
              })
            ),
            now()
          )
        )
      }
      if (failed !== undefined) unhealthy(id, "Unhealthy because of failed task")
      else unhealthy(id, "Unhealthy because of dead task")
    }
    tell(id)
  }

  /** Healthy once all tasks have run for `min_healthy_time`, unhealthy at `healthy_deadline`. */
  const watchHealth = (id: string): void => {
    const allocation = state.allocations.get(id)
    const local = locals.get(id)
    const strategy =
      allocation === undefined ? null : (groupOf(allocation.Job, allocation.TaskGroup)?.Update ?? null)
    if (allocation === undefined || local === undefined || strategy === null) return
    if (allocation.DeploymentID === "" || strategy.HealthCheck === "manual") return
    const states = Object.values(local.tasks)
    const watch = local.watch
    const isWatched = () => local.watch === watch && !local.stopping && local.health === null
    if (!local.unwell && states.every((each) => each.State === "running")) {
      const starts = states.map((each) => each.StartedAt)
      after(toMillis(strategy.MinHealthyTime), () => {
        const same = Object.values(local.tasks).every(
          (each, at) => each.State === "running" && each.StartedAt === starts[at]
        )
        if (!isWatched() || !same) return
        local.health = { healthy: true, at: now() }
        tell(id)
      })
    }
    const deadline = allocation.DeploymentID
    if (watching.get(id) === deadline) return
    watching.set(id, deadline)
    after(toMillis(strategy.HealthyDeadline), () => {
      watching.delete(id)
      if (!isWatched()) return
      const states = Object.values(local.tasks)
      const running = states.every((each) => each.State === "running")
      const by = `by healthy_deadline of ${goDuration(strategy.HealthyDeadline)}`
      const words = !running
        ? `Task not running ${by}`
        : local.unwell
          ? `Services not healthy by deadline: ${allocation.TaskGroup}`
          : `Task not running for min_healthy_time of ${goDuration(strategy.MinHealthyTime)} ${by}`
      unhealthy(id, words)
    })
  }
  const watching = new Map<string, string>()

  const unhealthy = (id: string, words: string): void => {
    const allocation = state.allocations.get(id)
    const local = locals.get(id)
    if (allocation === undefined || local === undefined || local.stopping) return
    if (allocation.DeploymentID === "" || local.health !== null) return
    local.health = { healthy: false, at: now() }
    for (const name of Object.keys(local.tasks)) {
      change(id, name, (state) =>
        withEvent(state, event("Alloc Unhealthy", now(), words, { message: words }, { Message: words }))
      )
    }
  }

  const stop = (id: string): void => {
    const allocation = state.allocations.get(id)
    const local = locals.get(id)
    if (allocation === undefined || local === undefined || local.stopping) return
    local.stopping = true
    if (isFinished(allocation)) return void locals.delete(id)
    after(timings.stop, () => {
      const at = now()
      for (const task of groupOf(allocation.Job, allocation.TaskGroup)?.Tasks ?? []) {
        if (local.tasks[task.Name]?.State === "dead") continue
        const words = `Sent interrupt. Waiting ${goDuration(task.KillTimeout)} before force killing`
        const killing = event(
          "Killing",
          at - millis(timings.stop),
          words,
          { kill_timeout: goDuration(task.KillTimeout) },
          { KillTimeout: task.KillTimeout }
        )
        change(id, task.Name, (state) => killed(withEvent(state, killing), at))
      }
      tell(id)
    })
  }

  /** The servers moved the allocation to a newer version without a restart: its health is found anew. */
  const moveInPlace = (id: string): void => {
    const local = locals.get(id)
    if (local === undefined) return
    local.watch += 1
    local.health = null
    watchHealth(id)
  }

  return { place, stop, moveInPlace }
}

const building = "Building Task Directory"
const withinPolicy = "Restart within policy"

const terminated = (at: Nanos, code: number, signal: number): TaskEvent =>
  event(
    "Terminated",
    at,
    signal === 0 ? `Exit Code: ${code}` : `Exit Code: ${code}, Signal: ${signal}`,
    { exit_code: String(code), signal: String(signal), oom_killed: "false" },
    { ExitCode: code, Signal: signal }
  )

const killed = (state: TaskState, at: Nanos): TaskState => {
  const ended = state.State === "running" ? withEvent(state, terminated(at, 130, 2)) : state
  return {
    ...withEvent(ended, event("Killed", at, "Task successfully killed")),
    State: "dead",
    FinishedAt: at
  }
}

const clientStatus = ({
  tasks,
  closing
}: Local): readonly [Allocation["ClientStatus"], description: string] => {
  const states = Object.entries(tasks).map(([name, each]) => ({
    ...each,
    State: closing.has(name) ? ("pending" as const) : each.State
  }))
  if (states.some((each) => each.State === "dead" && each.Failed)) return ["failed", "Failed tasks"]
  if (states.some((each) => each.State === "running")) return ["running", "Tasks are running"]
  return states.every((each) => each.State === "dead")
    ? ["complete", "All tasks have completed"]
    : ["pending", "No tasks have started"]
}

/** The allocation as the client tells it to the servers. */
const report = (allocation: Allocation, local: Local, index: number, at: Nanos): Allocation => {
  const [ClientStatus, ClientDescription] = clientStatus(local)
  const known = allocation.DeploymentStatus
  const health =
    local.health === null || known?.Healthy === local.health.healthy
      ? known
      : {
          Healthy: local.health.healthy,
          Timestamp: local.health.at,
          Canary: known?.Canary ?? false,
          ModifyIndex: index
        }
  return {
    ...allocation,
    ClientStatus,
    ClientDescription,
    TaskStates: { ...local.tasks },
    DeploymentStatus: health,
    ModifyIndex: index,
    ModifyTime: at
  }
}

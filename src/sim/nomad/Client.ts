import { type Allocation, isFinished } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { groupOf, runsToEnd, type Task, type UpdateStrategy } from "./Job.ts"
import type { Outcome } from "./Outcome.ts"
import { interpolate, invalidConfig } from "./interpolate.ts"
import type { Preparation } from "./NodeImages.ts"
import { pullWords } from "./pullWords.ts"
import { makeReports, type Reporting } from "./Reports.ts"
import { imageOf, startOf } from "./startOf.ts"
import {
  allocUnhealthy,
  downloading,
  failedValidation,
  driverFailure,
  type Ended,
  killed,
  killing,
  notRestarting,
  received,
  restarting,
  siblingFailed,
  started,
  taskSetup,
  terminated
} from "./taskEvents.ts"
import { withEvent } from "./TaskState.ts"
import { goDuration, millis, toMillis } from "./time.ts"

/** Why a start comes to nothing: by its outcome, or by what docker found. */
const failureOf = (
  image: string,
  outcome: Outcome,
  prepared: Preparation | undefined
): { readonly words: string; readonly isRecoverable: boolean } | undefined => {
  if (outcome._tag === "StartFails") {
    return { words: outcome.words, isRecoverable: outcome.isRecoverable !== false }
  }
  if (prepared?.is === "refused") return { words: prepared.words, isRecoverable: false }
  if (outcome._tag === "PullFails") {
    const words = outcome.words ?? pullWords(image, outcome.reason ?? "manifest unknown")
    return { words, isRecoverable: true }
  }
  if (prepared?.is !== "pull") return undefined
  if (prepared.words !== undefined) return { words: prepared.words, isRecoverable: false }
  if (prepared.done !== undefined) return undefined
  return { words: pullWords(image, "manifest unknown", prepared.name), isRecoverable: true }
}

/** What an outcome has a task write, where it says so. */
const textsOf = (outcome: Outcome): { readonly stdout?: string; readonly stderr?: string } => {
  if (!("stdout" in outcome) && !("stderr" in outcome)) return {}
  const { stdout, stderr } = outcome
  return { ...(stdout === undefined ? {} : { stdout }), ...(stderr === undefined ? {} : { stderr }) }
}

const tasksOf = ({ Job, TaskGroup }: Allocation): ReadonlyArray<Task> => groupOf(Job, TaskGroup)?.Tasks ?? []

/** How the driver tells the end: docker has words for every end that is not well, the others only a number. */
const endOf = (outcome: Extract<Outcome, { readonly _tag: "Exits" | "OutOfMemory" }>, task: Task): Ended => {
  const isDocker = task.Driver === "docker"
  // 137 is 128 and SIGKILL.
  if (outcome._tag === "OutOfMemory") {
    return { code: 137, outOfMemory: true, ...(isDocker ? { words: "OOM Killed" } : { signal: 9 }) }
  }
  const { code } = outcome
  const words = `Docker container exited with non-zero exit code: ${code}`
  return isDocker && code !== 0 ? { code, words } : { code }
}

/**
 * The client agent of the one node: starts the tasks of an allocation, restarts them by their policy, finds
 * out whether the allocation is healthy, and tells the servers in batches.
 */
export const makeClient = (cluster: Cluster, updated: Reporting) => {
  const { state, timings, after, now } = cluster
  const reports = makeReports(cluster, updated)
  const { local, change, tell } = reports

  const place = (id: string): void => {
    const allocation = state.allocations.get(id)
    if (allocation === undefined) return
    const tasks = tasksOf(allocation)
    reports.open(
      id,
      tasks.map((task) => task.Name)
    )
    after(timings.receive, () => {
      const at = now()
      for (const task of tasks) {
        change(id, task.Name, (known) => withEvent(withEvent(known, received(at)), taskSetup(at)))
        start(id, task)
      }
      watchHealth(id)
    })
  }

  const start = (id: string, task: Task): void => {
    const allocation = state.allocations.get(id)
    const own = local(id)
    if (allocation === undefined || own === undefined || own.stopping) return
    const readable = interpolate(imageOf(task), allocation, task)
    if ("wrong" in readable) {
      const words = invalidConfig(readable.wrong)
      change(id, task.Name, (known) => withEvent(known, failedValidation(now(), words)))
      return fail(id, task, false)
    }
    const image = readable.text
    const outcome = cluster.outcome(
      startOf("start", allocation, task, image, own.tasks[task.Name]?.Restarts ?? 0)
    )
    const prepared = prepare(task, image, outcome)
    if (prepared?.is === "pull") {
      change(id, task.Name, (known) => withEvent(known, downloading(now(), prepared.name)))
    }
    after(("after" in outcome ? outcome.after : undefined) ?? 50, () => {
      if (own.stopping) return
      const failure = failureOf(image, outcome, prepared)
      if (failure !== undefined) {
        change(id, task.Name, (known) => withEvent(known, driverFailure(now(), failure.words)))
        return fail(id, task, failure.isRecoverable)
      }
      const at = now()
      const pulled = prepared?.is === "pull" ? prepared.done?.() : undefined
      const stdout = prepared?.is === "local" ? prepared.stdout : pulled
      own.unwell ||= outcome._tag === "NeverHealthy"
      change(id, task.Name, (known) => ({
        ...withEvent(known, started(at)),
        State: "running",
        StartedAt: at
      }))
      cluster.logs.write(id, task.Name, { stdout: stdout ?? "", ...textsOf(outcome) })
      watchHealth(id)
      if (outcome._tag === "Exits" || outcome._tag === "OutOfMemory") {
        after(outcome.runs ?? 3, () => exit(id, task, endOf(outcome, task)))
      }
    })
  }

  /** What docker has to do first; nothing for other drivers, and for what cannot even be started. */
  const prepare = (task: Task, image: string, outcome: Outcome): Preparation | undefined => {
    if (outcome._tag === "StartFails" || (image === "" && task.Driver !== "docker")) return undefined
    const isForced = task.Config?.["force_pull"] === true
    const prepared = cluster.images.prepare(image, isForced)
    // An image that cannot be pulled is none that the node has.
    return outcome._tag === "PullFails" && prepared.is === "local"
      ? { is: "pull", name: image, done: undefined }
      : prepared
  }

  const exit = (id: string, task: Task, ended: Ended): void => {
    const allocation = state.allocations.get(id)
    if (allocation === undefined || local(id)?.stopping !== false) return
    change(id, task.Name, (known) => withEvent(known, terminated(now(), ended)))
    if (ended.code !== 0 || !runsToEnd(allocation.Job)) return fail(id, task)
    change(id, task.Name, (known) => ({ ...known, State: "dead", FinishedAt: now() }))
    settle(id)
  }

  /** A task that ended though it should not have: restarted within its policy, else dead and failed. */
  const fail = (id: string, task: Task, isRecoverable = true): void => {
    const own = local(id)
    if (own === undefined) return
    const policy = task.RestartPolicy
    const at = now()
    const recent = (own.restarts[task.Name] ?? []).filter((each) => each > at - BigInt(policy.Interval))
    const hasTries = recent.length < policy.Attempts
    if (isRecoverable && (hasTries || (policy.Mode === "delay" && policy.Attempts > 0))) {
      own.restarts[task.Name] = [...recent, at]
      // Up to a quarter is added by chance; mode "delay" waits for the interval's end when its tries are used up.
      const wait = hasTries
        ? Math.round(policy.Delay * (1 + cluster.random() / 4))
        : Number((recent[0] ?? at) + BigInt(policy.Interval) - at)
      change(id, task.Name, (known) => ({
        ...withEvent(known, restarting(at, wait)),
        State: "pending",
        Restarts: known.Restarts + 1,
        LastRestart: at
      }))
      return after(toMillis(wait), () => start(id, task))
    }
    change(id, task.Name, (known) => ({
      ...withEvent(known, notRestarting(at, policy, isRecoverable)),
      State: "dead",
      Failed: true,
      FinishedAt: at
    }))
    if (own.tasks[task.Name]?.StartedAt !== null) return settle(id)
    own.closing.add(task.Name)
    after(timings.logClose, () => {
      own.closing.delete(task.Name)
      settle(id)
    })
  }

  /** A task is dead for good: one that failed takes the others of its allocation with it. */
  const settle = (id: string): void => {
    tell(id)
    const own = local(id)
    const [failed] =
      Object.entries(own?.tasks ?? {}).find(([, each]) => each.State === "dead" && each.Failed) ?? []
    if (own === undefined || failed === undefined) return
    for (const [name, each] of Object.entries(own.tasks)) {
      if (each.State === "dead") continue
      change(id, name, (known) => killed(withEvent(known, siblingFailed(now(), failed)), now()))
    }
    unhealthy(id, "Unhealthy because of failed task")
  }

  /** Healthy once all tasks have run for `min_healthy_time`, unhealthy at `healthy_deadline`. */
  const watchHealth = (id: string): void => {
    const allocation = state.allocations.get(id)
    const own = local(id)
    const strategy =
      allocation === undefined ? undefined : groupOf(allocation.Job, allocation.TaskGroup)?.Update
    if (allocation === undefined || own === undefined || !strategy) return
    if (allocation.DeploymentID === "" || strategy.HealthCheck === "manual") return
    const { DeploymentID } = allocation
    const isOpen = () => own.health === null && !own.stopping && own.watched === DeploymentID
    if (own.watched !== DeploymentID) {
      own.watched = DeploymentID
      after(toMillis(strategy.HealthyDeadline), () => {
        if (isOpen()) unhealthy(id, deadlineWords(id, strategy))
      })
    }
    const starts = Object.values(own.tasks).map((each) => each.StartedAt)
    const isSteady = () =>
      !own.unwell &&
      Object.values(own.tasks).every((each, at) => each.State === "running" && each.StartedAt === starts[at])
    if (!isSteady()) return
    after(toMillis(strategy.MinHealthyTime), () => {
      if (!isOpen() || !isSteady()) return
      own.health = { healthy: true, at: now() }
      tell(id)
    })
  }

  const deadlineWords = (id: string, { HealthyDeadline, MinHealthyTime }: UpdateStrategy): string => {
    const own = local(id)
    const by = `by healthy_deadline of ${goDuration(HealthyDeadline)}`
    if (!Object.values(own?.tasks ?? {}).every((each) => each.State === "running"))
      return `Task not running ${by}`
    return own?.unwell === true
      ? `Services not healthy by deadline: ${state.allocations.get(id)?.TaskGroup}`
      : `Task not running for min_healthy_time of ${goDuration(MinHealthyTime)} ${by}`
  }

  const unhealthy = (id: string, words: string): void => {
    const own = local(id)
    const allocation = state.allocations.get(id)
    if (own === undefined || own.stopping || own.health !== null || !allocation?.DeploymentID) return
    own.health = { healthy: false, at: now() }
    for (const name of Object.keys(own.tasks)) {
      change(id, name, (known) => withEvent(known, allocUnhealthy(now(), words)))
    }
  }

  const stop = (id: string): void => {
    const allocation = state.allocations.get(id)
    const own = local(id)
    if (allocation === undefined || own === undefined || own.stopping) return
    own.stopping = true
    if (isFinished(allocation)) return reports.close(id)
    const from = now()
    after(timings.stop, () => {
      for (const task of tasksOf(allocation)) {
        if (own.tasks[task.Name]?.State === "dead") continue
        change(id, task.Name, (known) =>
          killed(withEvent(known, killing(from, task.KillTimeout)), from + millis(timings.stop))
        )
      }
      tell(id)
    })
  }

  /** The servers moved the allocation to a newer version without a restart: its health is found anew. */
  const moveInPlace = (id: string): void => {
    const own = local(id)
    if (own === undefined) return
    own.health = null
    own.watched = ""
    watchHealth(id)
  }

  return { place, stop, moveInPlace, forget: reports.forget }
}

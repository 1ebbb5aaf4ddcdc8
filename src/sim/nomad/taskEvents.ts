import type { RestartPolicy } from "./Job.ts"
import type { JsonObject } from "./Json.ts"
import { type TaskEvent, type TaskState, withEvent } from "./TaskState.ts"
import { goDuration, type Nanos } from "./time.ts"

const event = (
  Type: string,
  Time: Nanos,
  DisplayMessage: string,
  Details: Readonly<Record<string, string>> = {},
  flat: JsonObject = {}
): TaskEvent => ({ Type, Time, DisplayMessage, Details, flat })

// Types and words as a real client writes them (`nomad-api.md` §5.5 and the recordings).

export const received = (at: Nanos): TaskEvent => event("Received", at, "Task received by client")

export const taskSetup = (at: Nanos): TaskEvent => {
  const message = "Building Task Directory"
  return event("Task Setup", at, message, { message }, { Message: message })
}

export const downloading = (at: Nanos, image: string): TaskEvent =>
  event("Driver", at, "Downloading image", { image }, { DriverMessage: "Downloading image" })

export const driverFailure = (at: Nanos, words: string): TaskEvent =>
  event("Driver Failure", at, words, { driver_error: words }, { DriverError: words })

export const failedValidation = (at: Nanos, words: string): TaskEvent =>
  event("Failed Validation", at, words, { validation_error: words }, { ValidationError: words })

export const started = (at: Nanos): TaskEvent => event("Started", at, "Task started by client")

/** How a task ended: what its driver says of it, `""` where that is nothing. */
export interface Ended {
  readonly code: number
  readonly signal?: number
  readonly words?: string
  readonly outOfMemory?: boolean
}

export const terminated = (at: Nanos, { code, signal = 0, words = "", outOfMemory }: Ended): TaskEvent => {
  const parts = [
    `Exit Code: ${code}`,
    ...(signal === 0 ? [] : [`Signal: ${signal}`]),
    ...(words === "" ? [] : [`Exit Message: ${JSON.stringify(words)}`])
  ]
  const details = {
    exit_code: String(code),
    signal: String(signal),
    oom_killed: String(outOfMemory === true)
  }
  return event(
    "Terminated",
    at,
    parts.join(", "),
    words === "" ? details : { ...details, exit_message: words },
    { ExitCode: code, Signal: signal, Message: words }
  )
}

/** `wait` in nanoseconds. */
export const restarting = (at: Nanos, wait: number): TaskEvent => {
  const reason = "Restart within policy"
  const details = { restart_reason: reason, start_delay: String(wait) }
  const flat = { RestartReason: reason, StartDelay: wait }
  return event("Restarting", at, `Task restarting in ${goDuration(wait)}`, details, flat)
}

/** Nothing mends an unrecoverable error: no try is left then, whatever the policy. */
export const notRestarting = (
  at: Nanos,
  { Attempts, Interval }: RestartPolicy,
  isRecoverable = true
): TaskEvent => {
  const reason =
    Attempts === 0
      ? "Policy allows no restarts"
      : !isRecoverable
        ? "Error was unrecoverable"
        : `Exceeded allowed attempts ${Attempts} in interval ${goDuration(Interval)} and mode is "fail"`
  const details = { restart_reason: reason, fails_task: "true" }
  return event("Not Restarting", at, reason, details, { RestartReason: reason, FailsTask: true })
}

export const siblingFailed = (at: Nanos, sibling: string): TaskEvent =>
  event("Sibling Task Failed", at, `Task's sibling "${sibling}" failed`, { failed_sibling: sibling })

export const allocUnhealthy = (at: Nanos, message: string): TaskEvent =>
  event("Alloc Unhealthy", at, message, { message }, { Message: message })

/** `timeout` in nanoseconds. */
export const killing = (at: Nanos, timeout: number): TaskEvent => {
  const words = `Sent interrupt. Waiting ${goDuration(timeout)} before force killing`
  return event("Killing", at, words, { kill_timeout: goDuration(timeout) }, { KillTimeout: timeout })
}

/** The task after it was killed: by an interrupt, where it ran. */
export const killed = (state: TaskState, at: Nanos): TaskState => {
  const ended = state.State === "running" ? withEvent(state, terminated(at, { code: 130, signal: 2 })) : state
  return {
    ...withEvent(ended, event("Killed", at, "Task successfully killed")),
    State: "dead",
    FinishedAt: at
  }
}

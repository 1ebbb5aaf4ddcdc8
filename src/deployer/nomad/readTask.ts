import { Option, Schema } from "effect"
import { goDuration } from "./goDuration.ts"
import type { NomadTask } from "./NomadJob.ts"
import type { TaskState } from "./NomadRollout.ts"
import { orNull, recordOrNull } from "./orNull.ts"
import { plainLine } from "./plainLine.ts"
import { readPullFailure } from "./readPullFailure.ts"

/** Why a task is not well. */
export interface TaskCause {
  readonly blame: "image" | "surroundings"
  /** What happened to it, without its name. */
  readonly words: string
  /** It ended by itself, so its log may tell why. */
  readonly exited: boolean
}

/** `nomad-api.md` §5.5; `Time` in nanoseconds, rounded by JSON to less than a microsecond. */
const TaskEvent = Schema.Struct({
  Type: Schema.String,
  Time: Schema.Number,
  DisplayMessage: orNull(Schema.String),
  Details: recordOrNull(Schema.Unknown)
})
type TaskEvent = typeof TaskEvent.Type

const decodeEvent = Schema.decodeUnknownOption(TaskEvent)
/** What cannot be read of them is passed over: they only say why, never whether (X23). */
const eventsOf = ({ Events }: TaskState): ReadonlyArray<TaskEvent> =>
  Array.isArray(Events) ? Events.flatMap((event) => Option.toArray(decodeEvent(event))) : []

const detail = ({ Details }: TaskEvent, key: string): string => {
  const value = Details?.[key]
  return typeof value === "string" ? value : ""
}
const wordsOf = ({ DisplayMessage }: TaskEvent): string => plainLine(DisplayMessage ?? "")

/** Nomad ends the task because of something else, so that its exit says nothing of it. */
const ending = new Set([
  "Killing",
  "Sibling Task Failed",
  "Leader Task Dead",
  "Main Tasks Dead",
  "Restart Signaled"
])

/** What kept the task from starting, by the event's type. */
const notStarted: Readonly<Record<string, (event: TaskEvent) => Omit<TaskCause, "exited">>> = {
  "Driver Failure": (event) => {
    const error = detail(event, "driver_error") || (event.DisplayMessage ?? "")
    return readPullFailure(error) ?? { blame: "image", words: `could not be started: ${plainLine(error)}` }
  },
  "Failed Validation": (event) => ({
    blame: "image",
    words: `its configuration is refused: ${wordsOf(event)}`
  }),
  "Failed Artifact Download": (event) => ({ blame: "surroundings", words: wordsOf(event) }),
  "Setup Failure": (event) => ({ blame: "surroundings", words: `could not be set up: ${wordsOf(event)}` }),
  "Task hook failed": (event) => ({ blame: "surroundings", words: `could not be set up: ${wordsOf(event)}` }),
  // The two that a task waits in until its deadline has passed.
  Template: (event) => ({ blame: "surroundings", words: `waits for its template: ${wordsOf(event)}` }),
  Driver: (event) => ({ blame: "surroundings", words: `still waits: ${wordsOf(event)}` })
}

const numerals = ["three", "four", "five", "six", "seven", "eight", "nine", "ten"]
/** For two and more. */
const timesOf = (count: number): string => {
  const numeral = numerals[count - 3]
  if (count === 2) return " twice"
  return numeral === undefined ? `, ${count} times` : ` ${numeral} times`
}

/** `exits`: those by itself that Nomad still tells of, at most ten events being kept; oldest first. */
const exitWords = (
  state: TaskState,
  events: ReadonlyArray<TaskEvent>,
  exits: ReadonlyArray<TaskEvent>,
  last: TaskEvent,
  task: NomadTask | undefined
): string => {
  const how = (exit: TaskEvent): string => {
    const signal = detail(exit, "signal")
    if (detail(exit, "oom_killed") === "true") {
      const { MemoryMB = 0, MemoryMaxMB = 0 } = task?.Resources ?? {}
      const limit = MemoryMaxMB > 0 ? MemoryMaxMB : MemoryMB
      return `killed by the kernel, out of memory${limit > 0 ? ` (${limit} MiB)` : ""}`
    }
    return signal !== "" && signal !== "0"
      ? `killed by signal ${signal}`
      : `exited ${detail(exit, "exit_code")}`
  }
  // A restart is counted when it is decided, which is after the exit that it follows.
  const isCounted = events.indexOf(last) < events.findLastIndex(({ Type }) => Type === "Restarting")
  const count = state.Restarts + (isCounted ? 0 : 1)
  const isSame = exits.every((exit) => how(exit) === how(last))
  if (count < 2) return how(last)
  if (!isSame)
    return `${how(last)} after ${state.Restarts === 1 ? "a restart" : `${state.Restarts} restarts`}`
  const [first] = exits
  const begun = events.find(({ Type }) => Type === "Started")
  const from = begun !== undefined && first !== undefined ? Math.min(begun.Time, first.Time) : last.Time
  const within =
    count === exits.length
      ? ` in ${goDuration(last.Time - from)
          .replace(/(\d)([a-z]+)/g, "$1 $2 ")
          .trim()}`
      : ""
  return `${how(last)}${timesOf(count)}${within}`
}

/** What Nomad's events tell of one task of an allocation that is not well (`nomad-api.md` §5.5). */
export interface TaskTale {
  /** Undefined: nothing is wrong with it that they tell, or Nomad ended it because of another. */
  readonly cause: TaskCause | undefined
  /** What the client says kept it from being healthy; `""`: nothing. */
  readonly unhealthy: string
  /** It did what it had to and ended well: a task that prepares another. */
  readonly isDone: boolean
}

export const readTask = (state: TaskState, task: NomadTask | undefined): TaskTale => {
  const events = eventsOf(state)
  const exits: Array<TaskEvent> = []
  let isEnding = false
  let before: TaskCause | undefined
  for (const event of events) {
    if (ending.has(event.Type)) isEnding = true
    if (event.Type === "Started") {
      isEnding = false
      before = undefined
    }
    if (event.Type === "Terminated" && !isEnding) exits.push(event)
    const cause = notStarted[event.Type]
    // What it waits in is told anew at each try; what ended the try before says more.
    const isWait = event.Type === "Driver" || event.Type === "Template"
    if (cause !== undefined && !(isWait && (before !== undefined || exits.length > 0)))
      before = { ...cause(event), exited: false }
  }
  const last = exits.at(-1)
  const isDone =
    last !== undefined && state.State === "dead" && state.Failed !== true && detail(last, "exit_code") === "0"
  const said = events.findLast(({ Type }) => Type === "Alloc Unhealthy")
  const exited = (exit: TaskEvent): TaskCause => ({
    blame: "image",
    words: exitWords(state, events, exits, exit, task),
    exited: true
  })
  const cause =
    before !== undefined && state.State !== "running"
      ? before
      : last === undefined || isDone
        ? undefined
        : exited(last)
  return { cause, unhealthy: said === undefined ? "" : wordsOf(said), isDone }
}

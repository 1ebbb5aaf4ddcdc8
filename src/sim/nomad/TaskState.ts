import type { JsonObject } from "./Json.ts"
import { rfc3339, type Nanos } from "./time.ts"

export interface TaskEvent {
  readonly Type: string
  readonly Time: Nanos
  readonly DisplayMessage: string
  readonly Details: Readonly<Record<string, string>>
  /** The retired flat fields that this kind of event still fills. */
  readonly flat: JsonObject
}

export interface TaskState {
  readonly State: "pending" | "running" | "dead"
  readonly Failed: boolean
  readonly Restarts: number
  readonly LastRestart: Nanos | null
  readonly StartedAt: Nanos | null
  readonly FinishedAt: Nanos | null
  /** The newest ten. */
  readonly Events: ReadonlyArray<TaskEvent>
}

export const newTask: TaskState = {
  State: "pending",
  Failed: false,
  Restarts: 0,
  LastRestart: null,
  StartedAt: null,
  FinishedAt: null,
  Events: []
}

export const withEvent = (state: TaskState, event: TaskEvent): TaskState => ({
  ...state,
  Events: [...state.Events, event].slice(-10)
})

const flatDefaults = {
  DiskLimit: 0,
  DownloadError: "",
  DriverError: "",
  DriverMessage: "",
  ExitCode: 0,
  FailedSibling: "",
  FailsTask: false,
  GenericSource: "",
  KillError: "",
  KillReason: "",
  KillTimeout: 0,
  Message: "",
  RestartReason: "",
  SetupError: "",
  Signal: 0,
  StartDelay: 0,
  TaskSignal: "",
  TaskSignalReason: "",
  ValidationError: "",
  VaultError: ""
}

export const taskStateJson = (state: TaskState): JsonObject => ({
  State: state.State,
  Failed: state.Failed,
  Restarts: state.Restarts,
  LastRestart: rfc3339(state.LastRestart),
  StartedAt: rfc3339(state.StartedAt),
  FinishedAt: rfc3339(state.FinishedAt),
  Paused: "",
  Events: state.Events.map(({ flat, ...event }) => ({ ...flatDefaults, ...flat, ...event }))
})

/** How long the parts of a cluster take, in milliseconds; the defaults are as measured on a real agent. */
export interface Timings {
  /** From an evaluation's creation to its plan. */
  readonly evaluation: number
  /** From the plan to the evaluation's completion. */
  readonly completion: number
  /** Client updates are gathered this long and sent as one. */
  readonly clientBatch: number
  /** From placement to the task's directory. */
  readonly receive: number
  /** From "stop" to the task's end. */
  readonly stop: number
  /** From the end of a task that never opened its logs to its allocation's end (2 × 2 s log close). */
  readonly logClose: number
  /** From a healthy allocation to the deployment watcher's evaluation: 1 s, and 250 ms of batching. */
  readonly watcher: number
  /** From an unhealthy allocation to the watcher's verdict. */
  readonly verdict: number
  /** From the watcher's leave to replace an allocation to its evaluation. */
  readonly batching: number
}

export const measuredTimings: Timings = {
  evaluation: 3,
  completion: 5,
  clientBatch: 200,
  receive: 10,
  stop: 20,
  logClose: 4000,
  watcher: 1250,
  verdict: 5,
  batching: 250
}

/** For tests on a real clock: everything that is not in the job itself takes a few milliseconds. */
export const quickTimings: Timings = {
  evaluation: 1,
  completion: 1,
  clientBatch: 5,
  receive: 1,
  stop: 2,
  logClose: 5,
  watcher: 10,
  verdict: 1,
  batching: 5
}

/** The two logs of a task. */
export type LogKind = "stdout" | "stderr"

/** What tasks have written, by allocation and task: it outlives the task, and goes with its allocation. */
export interface TaskLogs {
  /** The task has started, and writes this. */
  readonly write: (allocation: string, task: string, texts: Partial<Record<LogKind, string>>) => void
  /** Calls `tell` with what that log gets from now on, until the answer is called. */
  readonly follow: (
    allocation: string,
    task: string,
    kind: LogKind,
    tell: (text: string) => void
  ) => () => void
  /** `undefined` for a task that never started. */
  readonly read: (allocation: string, task: string, kind: LogKind) => string | undefined
}

const key = (allocation: string, task: string): string => `${allocation}\n${task}`

export const makeTaskLogs = (): TaskLogs => {
  const logs = new Map<string, Readonly<Record<LogKind, string>>>()
  const followers = new Set<{
    readonly of: string
    readonly kind: LogKind
    readonly tell: (text: string) => void
  }>()
  return {
    write: (allocation, task, { stdout = "", stderr = "" }) => {
      const known = logs.get(key(allocation, task))
      logs.set(key(allocation, task), {
        stdout: (known?.stdout ?? "") + stdout,
        stderr: (known?.stderr ?? "") + stderr
      })
      for (const { of, kind, tell } of followers) {
        const text = kind === "stdout" ? stdout : stderr
        if (of === key(allocation, task) && text !== "") tell(text)
      }
    },
    follow: (allocation, task, kind, tell) => {
      const follower = { of: key(allocation, task), kind, tell }
      followers.add(follower)
      return () => void followers.delete(follower)
    },
    read: (allocation, task, kind) => logs.get(key(allocation, task))?.[kind]
  }
}

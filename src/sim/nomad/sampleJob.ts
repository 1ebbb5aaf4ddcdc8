import type { JsonObject } from "./Json.ts"

const second = 1e9

const update: JsonObject = {
  MaxParallel: 1,
  HealthCheck: "task_states",
  MinHealthyTime: second,
  HealthyDeadline: 5 * second,
  ProgressDeadline: 10 * second,
  Stagger: 30 * second,
  AutoRevert: true,
  Canary: 0
}

/**
 * The canonical fixture (`nomad-api.md` §11.2): one group `g`, one task `t` that sleeps. It runs on a real
 * `nomad agent -dev` without docker. `command: "/bin/false"` is its bad variant.
 */
export const fixtureJob = (options: {
  readonly id: string
  readonly command?: string
  readonly env?: Readonly<Record<string, string>>
  readonly count?: number
  readonly update?: JsonObject
  readonly group?: JsonObject
  readonly task?: JsonObject
  readonly job?: JsonObject
}): JsonObject => ({
  ID: options.id,
  Name: options.id,
  Type: "service",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "g",
      Count: options.count ?? 1,
      Update: { ...update, ...options.update },
      RestartPolicy: { Attempts: 0, Mode: "fail", Interval: 5 * second, Delay: second },
      ReschedulePolicy: { Attempts: 0, Unlimited: false },
      Tasks: [
        {
          Name: "t",
          Driver: "raw_exec",
          Config:
            options.command === undefined
              ? { command: "/bin/sleep", args: ["3600"] }
              : { command: options.command },
          Env: options.env ?? { A: "1" },
          Resources: { CPU: 20, MemoryMB: 16 },
          KillTimeout: second,
          ...options.task
        }
      ],
      ...options.group
    }
  ],
  ...options.job
})

/**
 * A service job of one task in docker (or of several: `others`) that runs `image`, as people have them: rolled out one by one, healthy
 * after `minHealthyTime` (milliseconds, 1000), given up after ten times that, then reverted by Nomad itself.
 */
export const sampleJob = (options: {
  readonly id: string
  readonly image: string
  /** Further tasks of other images: each in the group that it names, or beside the first. */
  readonly others?: ReadonlyArray<{ readonly task: string; readonly image: string; readonly group?: string }>
  readonly namespace?: string
  readonly group?: string
  readonly task?: string
  readonly count?: number
  readonly autoRevert?: boolean
  readonly minHealthyTime?: number
  /** How often a task that ends is started again in its allocation; 0 where not said. */
  readonly restarts?: number
  /** Laid over the group's update strategy, in nanoseconds: `{ MaxParallel: 0 }` for a job without deployments. */
  readonly update?: JsonObject
  readonly meta?: Readonly<Record<string, string>>
  /** Laid over each task's configuration for its driver. */
  readonly config?: JsonObject
}): JsonObject => {
  const healthy = (options.minHealthyTime ?? 1000) * 1e6
  const first = options.group ?? options.id
  const tasks = [
    { task: options.task ?? options.id, image: options.image, group: first },
    ...(options.others ?? []).map((other) => ({ group: first, ...other }))
  ]
  const groups = [...new Set(tasks.map(({ group }) => group))]
  return {
    ID: options.id,
    Name: options.id,
    Namespace: options.namespace ?? "default",
    Type: "service",
    Datacenters: ["*"],
    Meta: options.meta ?? null,
    TaskGroups: groups.map((name) => ({
      Name: name,
      Count: options.count ?? 1,
      Update: {
        ...update,
        AutoRevert: options.autoRevert ?? true,
        MinHealthyTime: healthy,
        HealthyDeadline: 5 * healthy,
        ProgressDeadline: 10 * healthy,
        ...options.update
      },
      RestartPolicy: { Attempts: options.restarts ?? 0, Mode: "fail", Interval: 5 * second, Delay: second },
      ReschedulePolicy: { Attempts: 0, Unlimited: false },
      Tasks: tasks
        .filter(({ group }) => group === name)
        .map(({ task, image }) => ({
          Name: task,
          Driver: "docker",
          Config: { image, ...options.config },
          Resources: { CPU: 100, MemoryMB: 64 },
          KillTimeout: healthy
        }))
    }))
  }
}

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { markerKey } from "../../src/domain/Attempt.ts"
import { attemptB, group, image, job, type Json, recording, task } from "./jobs.ts"
import {
  after,
  allocation,
  attempt,
  before,
  copyOf,
  deployment,
  evaluation,
  following,
  v0,
  v1,
  version,
  type World
} from "./world.ts"

type States = Readonly<Record<string, Json>>
const trimmed = recording("allocations-failed-trimmed") as Readonly<
  Record<string, Json & { readonly TaskStates: States }>
>
/** One that a real agent had, as an allocation of version 1, its task `api` as ours. */
const measured = (name: string, rest: Json = {}): Json => {
  const { api, t, ...others } = trimmed[name]?.TaskStates ?? {}
  return allocation({ ...trimmed[name], ...ofVersion1, TaskStates: { t: api ?? t, ...others }, ...rest })
}
const ofVersion1 = { ID: "a", TaskGroup: "g", JobVersion: 1, CreateIndex: 1183 }
/** A recorded allocation in full, whose one task is `t`. */
const recorded = (name: string): Json => allocation({ ...(recording(name) as Json), ...ofVersion1 })
const unhealthy = { DeploymentStatus: { Healthy: false } }

const words = "Failed due to unhealthy allocations - rolling back to job version 0"
const failed = deployment("deployment-failed-rolled-back", 1, 1182)
const late = "Failed due to progress deadline - rolling back to job version 0"
/** The failed deployment with other counts of its one group. */
const counted = (counts: Json, rest: Json = {}): Json => ({
  ...failed,
  ...rest,
  TaskGroups: { g: { ...(failed["TaskGroups"] as { g: Json }).g, ...counts } }
})
const v2 = copyOf(v0, 2, 1187)
/** Version 1 failed and was rolled back. */
const reverted = (rest: Partial<World>): World => ({ versions: [v2, v1, v0], deployments: [failed], ...rest })
const back = `v1 to g/t=${before}`

const event = (Type: string, rest: Json = {}, Time = 0): Json => ({
  Type,
  Time: 1.7e18 + Time * 1e9,
  DisplayMessage: "",
  Details: {},
  ...rest
})
const exit = (code: number, Time = 0, rest: Json = {}) =>
  event(
    "Terminated",
    { Details: { exit_code: String(code), signal: "0", oom_killed: "false", ...rest } },
    Time
  )
const state = (Events: unknown, rest: Json = {}): Json => ({
  State: "dead",
  Failed: true,
  StartedAt: "2026-11-23T14:22:49Z",
  Restarts: 0,
  Events,
  ...rest
})
const running = state([event("Started")], { State: "running", Failed: false })
const crashed = state([event("Started"), exit(1, 1), event("Not Restarting")])
const states = (TaskStates: unknown, rest: Json = {}) =>
  allocation({ ClientStatus: "failed", TaskStates, ...unhealthy, ...rest })
const pulling = (driver_error: string) =>
  states({ t: state([event("Driver Failure", { Details: { driver_error } }), event("Not Restarting")]) })

/** Version 1 with other checks, memory and groups than the recorded job has. */
const withGroup = (groupRest: Json, taskRest: Json = {}) =>
  job(
    [
      group(
        "g",
        [task("t", { image: after }, { Meta: { [markerKey]: attempt().id }, ...taskRest })],
        groupRest
      ),
      group("h", [task("other", { image: "redis:7" })])
    ],
    { Version: 1, JobModifyIndex: 1182, ModifyIndex: 1182, SubmitTime: 1, Stable: false }
  )
const checked = {
  Update: { MinHealthyTime: 1e9, HealthCheck: "checks", HealthyDeadline: 3e11, ProgressDeadline: 6e11 },
  Services: [{ Name: "web", Checks: [{ Name: "c" }] }]
}

describe("a failure in the sentence that a person needs, and whose it is", () => {
  it.effect.each<[string, World, string]>([
    [
      "an exit (recorded)",
      reverted({ allocations: recording("job-allocations-after-revert") as ReadonlyArray<Json> }),
      `reverted (image) ${back}: task t: exited 1 (Nomad: ${words})`
    ],
    [
      "three exits (recorded)",
      reverted({ allocations: [measured("exitThrice")] }),
      `reverted (image) ${back}: task t: exited 1 three times in 2 s (Nomad: ${words})`
    ],
    [
      "more exits than Nomad keeps events (recorded)",
      reverted({ allocations: [measured("loop")] }),
      `reverted (image) ${back}: task t: exited 2, 428 times (Nomad: ${words})`
    ],
    [
      "a signal (recorded)",
      reverted({ allocations: [measured("signal")] }),
      `reverted (image) ${back}: task t: killed by signal 9 (Nomad: ${words})`
    ],
    [
      "an end that was not one (recorded)",
      reverted({ allocations: [measured("exitZero")] }),
      `reverted (image) ${back}: task t: exited 0 (Nomad: ${words})`
    ],
    [
      "exits that differ",
      reverted({
        allocations: [
          states({
            t: state([event("Started"), exit(1), event("Restarting"), exit(137, 3)], { Restarts: 1 })
          })
        ]
      }),
      `reverted (image) ${back}: task t: exited 137 after a restart (Nomad: ${words})`
    ],
    [
      "out of memory",
      reverted({
        versions: [v2, withGroup({}, { Resources: { MemoryMB: 128, MemoryMaxMB: 0 } }), v0],
        allocations: [states({ t: state([event("Started"), exit(137, 1, { oom_killed: "true" })]) })]
      }),
      `reverted (image) ${back}: task t: killed by the kernel, out of memory (128 MiB) (Nomad: ${words})`
    ],
    [
      "out of the memory that it may have at most",
      reverted({
        versions: [v2, withGroup({}, { Resources: { MemoryMB: 128, MemoryMaxMB: 256 } }), v0],
        allocations: [states({ t: state([event("Started"), exit(137, 1, { oom_killed: "true" })]) })]
      }),
      `reverted (image) ${back}: task t: killed by the kernel, out of memory (256 MiB) (Nomad: ${words})`
    ],
    [
      "no such manifest (recorded)",
      reverted({ allocations: [recorded("allocation-image-missing")] }),
      `reverted (image) ${back}: task t: image pull failed: manifest unknown (Nomad: ${words})`
    ],
    [
      "a registry that does not listen (recorded)",
      reverted({ allocations: [recorded("allocation-image-pull-failure")] }),
      `reverted (surroundings) ${back}: task t: image pull failed: Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused (Nomad: ${words})`
    ],
    [
      "a program that is not there (recorded)",
      reverted({ allocations: [recorded("allocation-driver-failure")] }),
      `reverted (image) ${back}: task t: could not be started: failed to launch command with executor: rpc error: code = Unknown desc = binary "/no/such/program" could not be found (Nomad: ${words})`
    ],
    [
      "a configuration that the driver refuses (recorded)",
      reverted({ allocations: [recorded("allocation-config-invalid")] }),
      `reverted (image) ${back}: task t: its configuration is refused: 3 errors occurred: * failed to parse config: * Missing required argument: The argument "command" is required, but no definition was found. * Invalid label: No argument or block type is named "comand". Did you mean "command"? (Nomad: ${words})`
    ],
    [
      "an artifact that can not be had (recorded)",
      reverted({ allocations: [measured("artifact")] }),
      `reverted (surroundings) ${back}: task t: failed to download artifact "http://127.0.0.1:1/x.tgz": getter subprocess failed: exit status 1: failed to download artifact: Get "http://127.0.0.1:1/x.tgz": dial tcp 127.0.0.1:1: connect: connection refused (Nomad: ${words})`
    ],
    [
      "a template that waits (recorded)",
      reverted({ allocations: [measured("template")] }),
      `reverted (surroundings) ${back}: task t: waits for its template: Missing: kv.block(x) (Nomad: ${words})`
    ],
    [
      "a pull that is not done",
      reverted({
        allocations: [
          states(
            {
              t: state([event("Driver", { DisplayMessage: "Downloading image" })], {
                State: "pending",
                Failed: false
              })
            },
            { ClientStatus: "pending" }
          )
        ]
      }),
      `reverted (surroundings) ${back}: task t: still waits: Downloading image (Nomad: ${words})`
    ],
    [
      "a failed pull that is tried again is told by its failure",
      reverted({
        allocations: [
          states(
            {
              t: state(
                [
                  event("Driver Failure", {
                    DisplayMessage: "Failed to pull `x:1`: Error response from daemon: EOF"
                  }),
                  event("Restarting"),
                  event("Driver", { DisplayMessage: "Downloading image" })
                ],
                { State: "pending", Failed: false }
              )
            },
            { ClientStatus: "pending" }
          )
        ]
      }),
      `reverted (surroundings) ${back}: task t: image pull failed: EOF (Nomad: ${words})`
    ],
    [
      "a pull that failed before it ran is no cause",
      reverted({
        allocations: [
          states({ t: state([event("Driver Failure"), event("Started"), exit(3, 2)], { Restarts: 1 }) })
        ]
      }),
      `reverted (image) ${back}: task t: exited 3 twice (Nomad: ${words})`
    ],
    [
      "a check that fails (recorded; the client says something else)",
      reverted({
        versions: [v2, withGroup(checked), v0],
        allocations: [measured("check")]
      }),
      `reverted (image) ${back}: task t: not healthy within 5m (check failing) (Nomad: ${words})`
    ],
    [
      "a check of Consul's, named",
      reverted({
        versions: [v2, withGroup(checked), v0],
        allocations: [
          states(
            {
              t: state(
                [
                  event("Started"),
                  event("Alloc Unhealthy", { DisplayMessage: "Services not healthy by deadline: web" })
                ],
                { State: "running", Failed: false }
              )
            },
            { ClientStatus: "running" }
          )
        ]
      }),
      `reverted (image) ${back}: task t: not healthy within 5m (check of web failing) (Nomad: ${words})`
    ],
    [
      "unhealthy without a word",
      reverted({
        versions: [v2, withGroup(checked), v0],
        allocations: [states({ t: running }, { ClientStatus: "running" })]
      }),
      `reverted (image) ${back}: task t: not healthy within 5m (check failing) (Nomad: ${words})`
    ],
    [
      "what was unhealthy was ended by the rollback before we looked",
      reverted({
        versions: [v2, withGroup(checked), v0],
        allocations: [
          states(
            { t: state([event("Started"), event("Killing"), exit(143, 9)], { Failed: false }) },
            { ClientStatus: "complete", DesiredStatus: "stop" }
          )
        ]
      }),
      `reverted (image) ${back}: task t: not healthy within 5m (check failing) (Nomad: ${words})`
    ],
    [
      "a task that only prepares and ended well is not it",
      reverted({
        versions: [v2, withGroup(checked), v0],
        allocations: [
          states(
            { init: state([event("Started"), exit(0, 1)], { Failed: false }), t: running },
            { ClientStatus: "running" }
          )
        ]
      }),
      `reverted (image) ${back}: task t: not healthy within 5m (check failing) (Nomad: ${words})`
    ],
    [
      "a sibling failed, and ours was ended with it (recorded)",
      reverted({ allocations: [measured("sibling", unhealthy)] }),
      `reverted (others) ${back}: task side: exited 3 (Nomad: ${words})`
    ],
    [
      "a sibling that restarts again and again, while ours runs",
      reverted({
        allocations: [
          states(
            {
              t: running,
              side: state([event("Started"), exit(2, 1), event("Restarting")], {
                State: "pending",
                Failed: false,
                Restarts: 1
              })
            },
            { ClientStatus: "pending" }
          )
        ]
      }),
      `reverted (others) ${back}: task side: exited 2 (Nomad: ${words})`
    ],
    [
      "a sibling failed for good, and ours had only been restarted before",
      reverted({
        allocations: [
          states({
            t: state(
              [
                event("Started"),
                exit(1, 1),
                event("Restarting"),
                event("Started"),
                event("Sibling Task Failed"),
                event("Killing"),
                exit(143, 9)
              ],
              { Failed: false, Restarts: 1 }
            ),
            side: crashed
          })
        ]
      }),
      `reverted (others) ${back}: task side: exited 1 (Nomad: ${words})`
    ],
    [
      "ours prepared and ended well; what it prepared for is not healthy",
      reverted({
        allocations: [
          states(
            { t: state([event("Started"), exit(0, 1)], { Failed: false }), side: running },
            { ClientStatus: "running" }
          )
        ]
      }),
      `reverted (others) ${back}: task side: not healthy within 5s (Nomad: ${words})`
    ],
    [
      "a sibling's check fails, by name",
      reverted({
        allocations: [
          states(
            {
              t: running,
              side: state(
                [
                  event("Started"),
                  event("Alloc Unhealthy", { DisplayMessage: "Services not healthy by deadline: cache" })
                ],
                { State: "running", Failed: false }
              )
            },
            { ClientStatus: "running" }
          )
        ]
      }),
      `reverted (others) ${back}: task side: not healthy within 5s (check of cache failing) (Nomad: ${words})`
    ],
    [
      "a task of the same name in another group is another's",
      reverted({ allocations: [states({ t: crashed }, { TaskGroup: "h" })] }),
      `reverted (others) ${back}: task t: exited 1 (Nomad: ${words})`
    ],
    [
      "an allocation of an earlier life of the job tells nothing",
      reverted({ allocations: [states({ t: crashed }, { CreateIndex: 900 })] }),
      `reverted (image) ${back}: ${words}`
    ],
    [
      "one that exits again and again is told by that, also while the next try waits",
      reverted({
        allocations: [
          states(
            {
              t: state(
                [
                  event("Started"),
                  exit(1, 1),
                  event("Restarting"),
                  event("Driver", { DisplayMessage: "Downloading image" })
                ],
                { State: "pending", Failed: false, Restarts: 1 }
              )
            },
            { ClientStatus: "pending" }
          )
        ]
      }),
      `reverted (image) ${back}: task t: exited 1 (Nomad: ${words})`
    ],
    [
      "one that runs and waits for a template to be rendered anew is not held up by it",
      reverted({
        allocations: [
          states(
            {
              t: {
                ...running,
                Events: [event("Started"), event("Template", { DisplayMessage: "Missing: x" })]
              }
            },
            { ClientStatus: "running" }
          )
        ]
      }),
      `reverted (image) ${back}: task t: not healthy within 5s (Nomad: ${words})`
    ],
    [
      "both: ours counts",
      reverted({ allocations: [states({ side: crashed, t: crashed })] }),
      `reverted (image) ${back}: task t: exited 1 (Nomad: ${words})`
    ],
    [
      "of several allocations the image's fault counts before the surroundings'",
      reverted({
        allocations: [
          { ...pulling("Failed to pull `x:1`: EOF"), ID: "b", CreateIndex: 1190 },
          states({ t: crashed })
        ]
      }),
      `reverted (image) ${back}: task t: exited 1 (Nomad: ${words})`
    ],
    [
      "another group's allocation failed",
      reverted({
        allocations: [
          allocation({ DeploymentStatus: { Healthy: true } }),
          states({ other: crashed }, { TaskGroup: "h" })
        ]
      }),
      `reverted (others) ${back}: task other: exited 1 (Nomad: ${words})`
    ],
    [
      "an older version's allocation is nobody's",
      reverted({ allocations: [states({ t: crashed }, { JobVersion: 0 })] }),
      `reverted (image) ${back}: ${words}`
    ],
    [
      "no node has room for the rest",
      reverted({
        deployments: [counted({ DesiredTotal: 2, PlacedAllocs: 1, HealthyAllocs: 1, UnhealthyAllocs: 0 })],
        evaluations: [{ ...(recording("evaluation-exhausted") as Json), DeploymentID: failed["ID"] }],
        allocations: [allocation({ DeploymentStatus: { Healthy: true } })]
      }),
      `reverted (surroundings) ${back}: no node can run it: group "g": memory (Nomad: ${words})`
    ],
    [
      "there was no room at first, and then there was",
      reverted({
        evaluations: [{ ...(recording("evaluation-exhausted") as Json), DeploymentID: failed["ID"] }],
        allocations: [allocation({ DeploymentStatus: { Healthy: true } })]
      }),
      `reverted (image) ${back}: ${words}`
    ],
    [
      "no node has room for another group",
      reverted({
        evaluations: [
          evaluation({ Status: "blocked", FailedTGAllocs: { h: { DimensionExhausted: { cpu: 1 } } } })
        ]
      }),
      `reverted (others) ${back}: no node can run it: group "h": cpu (Nomad: ${words})`
    ],
    [
      "a lost node",
      reverted({ allocations: [allocation({ ClientStatus: "lost" })] }),
      `reverted (surroundings) ${back}: its node was lost (Nomad: ${words})`
    ],
    [
      "its allocations are gone, but another group's were the unhealthy ones",
      reverted({
        deployments: [
          {
            ...failed,
            TaskGroups: {
              g: { ...(failed["TaskGroups"] as { g: Json }).g, HealthyAllocs: 1, UnhealthyAllocs: 0 },
              h: { ...(failed["TaskGroups"] as { g: Json }).g, HealthyAllocs: 0, UnhealthyAllocs: 2 }
            }
          }
        ]
      }),
      `reverted (others) ${back}: group "h" did not get healthy (Nomad: ${words})`
    ],
    [
      "Nomad's progress deadline passed while it ran",
      reverted({
        deployments: [counted({ UnhealthyAllocs: 0 }, { StatusDescription: late })],
        versions: [v2, withGroup(checked), v0],
        allocations: [
          allocation({
            DesiredStatus: "stop",
            ClientStatus: "complete",
            TaskStates: { t: state([event("Started"), event("Killing"), exit(143, 9)], { Failed: false }) }
          })
        ]
      }),
      `reverted (image) ${back}: task t: not healthy within the progress deadline of 10m (Nomad: ${late})`
    ],
    [
      "… while its image was pulled",
      reverted({
        deployments: [counted({ UnhealthyAllocs: 0 }, { StatusDescription: late })],
        allocations: [
          allocation({
            DesiredStatus: "stop",
            ClientStatus: "complete",
            TaskStates: {
              t: state([event("Driver", { DisplayMessage: "Downloading image" }), event("Killing")], {
                Failed: false,
                StartedAt: null
              })
            }
          })
        ]
      }),
      `reverted (surroundings) ${back}: task t: still waits: Downloading image (Nomad: ${late})`
    ],
    [
      "… and it got healthy after that",
      reverted({
        deployments: [counted({ HealthyAllocs: 1, UnhealthyAllocs: 0 }, { StatusDescription: late })],
        versions: [v2, withGroup(checked), v0],
        allocations: [allocation({ DeploymentStatus: { Healthy: true } })]
      }),
      `reverted (image) ${back}: not healthy within the progress deadline of 10m (Nomad: ${late})`
    ],
    [
      "a person failed the deployment: that is a word on the image",
      reverted({
        deployments: [
          counted(
            { UnhealthyAllocs: 0 },
            { StatusDescription: "Deployment marked as failed - rolling back to job version 0" }
          )
        ],
        allocations: [allocation({ TaskStates: { t: running } })]
      }),
      `reverted (image) ${back}: Deployment marked as failed - rolling back to job version 0`
    ],
    [
      "alone, without allocations: who else changed anything?",
      reverted({}),
      `reverted (image) ${back}: ${words}`
    ],
    [
      "another attempt came in between, and nothing tells whose it was",
      reverted({
        versions: [
          v2,
          job(
            [
              group("g", [
                task("t", { image: after }, { Meta: { [markerKey]: attempt().id } }),
                task("side", { image: "redis:8" }, { Meta: { [markerKey]: attemptB } })
              ])
            ],
            { Version: 1, JobModifyIndex: 1182, ModifyIndex: 1182, SubmitTime: 1 }
          ),
          v0
        ]
      }),
      `reverted (unknown) ${back}: ${words}`
    ],
    [
      "… but not one that was there before",
      reverted({
        versions: [
          copyOf(withSide(0, 1171, before, undefined), 2, 1187),
          withSide(1, 1182, after, attempt().id),
          withSide(0, 1171, before, undefined)
        ]
      }),
      `reverted (image) ${back}: ${words}`
    ],
    [
      "X23: allocations that no one can read say nothing",
      reverted({ allocations: [{ ID: 7 }] }),
      `reverted (image) ${back}: ${words}`
    ],
    [
      "X23: events that no one can read are passed over",
      reverted({ allocations: [states({ t: state([null, { Type: 3 }, "x", event("Started"), exit(4)]) })] }),
      `reverted (image) ${back}: task t: exited 4 (Nomad: ${words})`
    ],
    [
      "X23: no events at all",
      reverted({ allocations: [states({ t: state(undefined) }), states(null)] }),
      `reverted (image) ${back}: task t: failed (Nomad: ${words})`
    ],
    [
      "a task name that two groups have",
      reverted({
        versions: [
          v2,
          job(
            ["g", "h"].map((name) =>
              group(name, [task("t", { image: after }, { Meta: { [markerKey]: attempt().id } })])
            ),
            { Version: 1, JobModifyIndex: 1182, ModifyIndex: 1182, SubmitTime: 1 }
          ),
          v0
        ],
        allocations: [states({ t: crashed }, { TaskGroup: "h" })]
      }),
      `reverted (image) v1 to g/t=${before}: task h/t: exited 1 (Nomad: ${words})`
    ],
    [
      "without deployments: by the allocation that failed",
      { versions: [v1, v0], evaluations: [evaluation()], allocations: [states({ t: crashed })] },
      'failed (image) v1: task t: exited 1 (Nomad: an allocation of group "g" failed for good)'
    ],
    [
      "without deployments: by another's",
      {
        versions: [v1, v0],
        evaluations: [evaluation()],
        allocations: [states({ t: running, side: crashed })]
      },
      'failed (others) v1: task side: exited 1 (Nomad: an allocation of group "g" failed for good)'
    ],
    [
      "an unhealthy one while it still rolls",
      {
        versions: [v1, v0],
        deployments: [
          deployment("deployment-running", 1, 1182, {
            TaskGroups: {
              g: {
                ...(failed["TaskGroups"] as { g: Json }).g,
                DesiredTotal: 3,
                HealthyAllocs: 2,
                UnhealthyAllocs: 1
              }
            }
          })
        ],
        allocations: [states({ t: crashed })]
      },
      "rolling v1: 2 of 3 allocations healthy; task t: exited 1"
    ],
    [
      "a version that carries ours failed: by ours in either",
      {
        versions: [copyOf(v0, 3, 1199), version(2, 1190, after, attemptB), v1, v0],
        deployments: [
          deployment("deployment-cancelled-superseded", 1, 1182),
          deployment("deployment-failed-rolled-back", 2, 1190)
        ],
        allocations: [states({ t: crashed })]
      },
      `reverted (image) ${back}: task t: exited 1 (Nomad: ${words})`
    ]
  ])("S11: %s", ([, world, expected]) =>
    Effect.map(following(world, attempt()), ({ said }) => assert.deepStrictEqual(said, [expected]))
  )
})

/** A version whose other task carries another attempt's marker all the while. */
function withSide(Version: number, JobModifyIndex: number, ran: string, marker: string | undefined): Json {
  return job(
    [
      group("g", [
        task("t", { image: ran }, marker === undefined ? {} : { Meta: { [markerKey]: marker } }),
        task("side", { image: `${image}-side:1` }, { Meta: { [markerKey]: attemptB } })
      ])
    ],
    {
      Version,
      JobModifyIndex,
      ModifyIndex: JobModifyIndex,
      SubmitTime: JobModifyIndex,
      Stable: Version === 0
    }
  )
}

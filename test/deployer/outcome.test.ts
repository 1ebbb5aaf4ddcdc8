import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { attemptA, attemptB, image, type Json, recording } from "./jobs.ts"
import {
  after,
  allocation,
  attempt,
  batch,
  before,
  cancelled,
  copyOf,
  count,
  deployment,
  evaluation,
  following,
  successful,
  system,
  v0,
  v1,
  version,
  type World
} from "./world.ts"

const autoPromoted = {
  ...(recording("deployment-canary-healthy") as { TaskGroups: { g: Json } }).TaskGroups.g,
  AutoPromote: true
}

/** Version 1 is another attempt's, version 2 (index 1186) ours, registered while that one was rolled out. */
const others = version(1, 1182, `${image}:8`, attemptB)
const ours = version(2, 1186, after, attemptA)

describe("progress: what the facts say", () => {
  it.effect.each<[string, World, string]>([
    [
      "a deployment that runs",
      { versions: [v1, v0], deployments: [deployment("deployment-running", 1, 1182)] },
      "rolling v1: 0 of 1 allocations healthy"
    ],
    [
      "one that is paused",
      { versions: [v1, v0], deployments: [deployment("deployment-paused", 1, 1182)] },
      "rolling v1: the deployment is paused; 0 of 2 allocations healthy"
    ],
    [
      "canaries that are not healthy yet",
      { versions: [v1, v0], deployments: [deployment("deployment-canary-placed", 1, 1182)] },
      "rolling v1: 0 of 2 allocations healthy"
    ],
    [
      "canaries that wait for a person",
      { versions: [v1, v0], deployments: [deployment("deployment-canary-healthy", 1, 1182)] },
      "awaiting_promotion v1: 1 of 2 allocations healthy; the canaries wait to be promoted"
    ],
    [
      "canaries that Nomad promotes itself",
      {
        versions: [v1, v0],
        deployments: [deployment("deployment-canary-healthy", 1, 1182, { TaskGroups: { g: autoPromoted } })]
      },
      "rolling v1: 1 of 2 allocations healthy"
    ],
    [
      "T10: nothing can be placed",
      {
        versions: [v1, v0],
        deployments: [deployment("deployment-unplaced", 1, 1182)],
        evaluations: [recording("evaluation-blocked")]
      },
      'unplaceable v1: no node can run it: group "g": ${attr.kernel.name} = plan9'
    ],
    [
      "T10: there is room for some only",
      {
        versions: [v1, v0],
        deployments: [
          deployment("deployment-running", 1, 1182, {
            TaskGroups: {
              g: { ...autoPromoted, DesiredCanaries: 0, DesiredTotal: 3, PlacedAllocs: 2, HealthyAllocs: 2 }
            }
          })
        ],
        evaluations: [recording("evaluation-blocked")]
      },
      'unplaceable v1: 2 of 3 allocations healthy; no node can run it: group "g": ${attr.kernel.name} = plan9'
    ],
    [
      "nothing is placed yet",
      {
        versions: [v1, v0],
        deployments: [deployment("deployment-unplaced", 1, 1182)],
        evaluations: [evaluation()]
      },
      "rolling v1: 0 of 1 allocations healthy"
    ],
    [
      "success",
      { versions: [v1, v0], deployments: [successful(1, 1182), successful(0, 1171)] },
      "succeeded v1: Deployment completed successfully"
    ],
    [
      "success is not undone by what came after",
      { versions: [version(2, 1190, before), v1, v0], deployments: [successful(1, 1182)] },
      "succeeded v1: Deployment completed successfully"
    ],
    [
      "failure without a rollback",
      { versions: [v1, v0], deployments: [deployment("deployment-failed-no-stable", 1, 1182)] },
      "failed (image) v1: Failed due to unhealthy allocations - no stable job version to auto revert to"
    ],
    [
      "a rollback, with what the mapped tasks run again",
      {
        versions: [version(2, 1187, before), v1, v0],
        deployments: recording("job-deployments-after-revert") as ReadonlyArray<Json>
      },
      `reverted (image) v1 to g/t=${before}: Failed due to unhealthy allocations - rolling back to job version 0`
    ],
    [
      "a rollback under somebody's newer register still tells the stable version's tasks",
      {
        versions: [version(3, 1200, `${image}:9`), version(2, 1187, before), v1, v0],
        deployments: recording("job-deployments-after-revert") as ReadonlyArray<Json>
      },
      `reverted (image) v1 to g/t=${before}: Failed due to unhealthy allocations - rolling back to job version 0`
    ],
    [
      "a rollback to a version that is no longer kept: its copy",
      {
        versions: [version(3, 1200, `${image}:9`), version(2, 1187, before), v1],
        deployments: recording("job-deployments-after-revert") as ReadonlyArray<Json>
      },
      `reverted (image) v1 to g/t=${before}: Failed due to unhealthy allocations - rolling back to job version 0`
    ],
    [
      "a rollback of a version that is no longer kept: the tasks that run the repository's image",
      {
        versions: [version(9, 1300, `${image}:9`), version(0, 1171, before)],
        deployments: recording("job-deployments-after-revert") as ReadonlyArray<Json>
      },
      `reverted (unknown) v1 to g/t=${before}: Failed due to unhealthy allocations - rolling back to job version 0`
    ],
    [
      "cancelled after the versions were read can not be told yet",
      {
        versions: [v1, v0],
        deployments: [cancelled(1, 1182)],
        allocations: [allocation({ ClientStatus: "failed" })]
      },
      "untold"
    ],
    [
      "cancelled by another image",
      {
        versions: [version(2, 1190, `${image}:9`, attemptB), v1, v0],
        deployments: [cancelled(1, 1182), deployment("deployment-running", 2, 1190)]
      },
      "superseded v1: Cancelled due to newer version of job"
    ],
    [
      "cancelled by a version that still carries the image: that one's outcome",
      {
        versions: [version(2, 1190, after, attemptA, { Priority: 70 }), v1, v0],
        deployments: [cancelled(1, 1182), successful(2, 1190)]
      },
      "succeeded v1: Deployment completed successfully"
    ],
    [
      "… also under another marker, and while it rolls",
      {
        versions: [version(2, 1190, after, attemptB), v1, v0],
        deployments: [cancelled(1, 1182), deployment("deployment-running", 2, 1190)]
      },
      "rolling v1: 0 of 1 allocations healthy"
    ],
    [
      "… through several",
      {
        versions: [version(3, 1195, after), version(2, 1190, after), v1, v0],
        deployments: [cancelled(1, 1182), cancelled(2, 1190), successful(3, 1195)]
      },
      "succeeded v1: Deployment completed successfully"
    ],
    [
      "T16, statement 112: another's failed deployment was rolled back over it",
      {
        versions: [copyOf(v0, 3, 1190), ours, others, v0],
        deployments: [
          deployment("deployment-failed-rolled-back", 1, 1182),
          successful(0, 1171),
          successful(3, 1190)
        ]
      },
      `superseded swallowed v2 to g/t=${before}: Nomad's rollback to job version 0 came before it was rolled out`
    ],
    [
      "… also where somebody wrote the job since: what the rollback made counts",
      {
        versions: [version(4, 1200, `${image}:9`), copyOf(v0, 3, 1190), ours, others, v0],
        deployments: [deployment("deployment-failed-rolled-back", 1, 1182)]
      },
      `superseded swallowed v2 to g/t=${before}: Nomad's rollback to job version 0 came before it was rolled out`
    ],
    [
      "… through a version that still carried the image, and had no deployment either",
      {
        versions: [copyOf(v0, 4, 1195), version(3, 1190, after, attemptA), ours, others, v0],
        deployments: [deployment("deployment-failed-rolled-back", 1, 1182)]
      },
      `superseded swallowed v2 to g/t=${before}: Nomad's rollback to job version 0 came before it was rolled out`
    ],
    [
      "… also where it brings back the same image: a forced redeploy was swallowed all the same",
      {
        versions: [
          copyOf(version(0, 1171, after, attemptB, { Stable: true }), 3, 1190),
          ours,
          others,
          version(0, 1171, after, attemptB, { Stable: true })
        ],
        deployments: [deployment("deployment-failed-rolled-back", 1, 1182), successful(3, 1190)]
      },
      `superseded swallowed v2 to g/t=${after}: Nomad's rollback to job version 0 came before it was rolled out`
    ],
    [
      "its deployment is forgotten, but the version got stable by it",
      {
        versions: [version(3, 1190, `${image}:9`), { ...ours, Stable: true }, v0],
        deployments: [deployment("deployment-running", 3, 1190)]
      },
      "succeeded v2: Nomad has version 2 as stable"
    ],
    [
      "… and what failed later, under somebody's next version of the same image, is that one's",
      {
        versions: [copyOf(v0, 4, 1195), version(3, 1190, after), { ...ours, Stable: true }, v0],
        deployments: [deployment("deployment-failed-rolled-back", 3, 1190)]
      },
      "succeeded v2: Nomad has version 2 as stable"
    ],
    [
      "an operator's revert of the same version is a register of its own",
      {
        versions: [version(3, 1190, before), ours, others, v0],
        deployments: [deployment("deployment-failed-rolled-back", 1, 1182)]
      },
      "superseded v2: version 3 took its place before it was rolled out"
    ],
    [
      "an operator's revert while it rolled",
      {
        versions: [version(3, 1190, before), ours, others, v0],
        deployments: [cancelled(2, 1186), successful(3, 1190)]
      },
      "superseded v2: Cancelled due to newer version of job"
    ],
    [
      "an operator's revert after it failed hides nothing",
      {
        versions: [version(3, 1190, before), ours, v0],
        deployments: [deployment("deployment-failed-no-stable", 2, 1186)]
      },
      "failed (image) v2: Failed due to unhealthy allocations - no stable job version to auto revert to"
    ],
    [
      "a register that came after the rollback is no part of it",
      {
        versions: [ours, copyOf(v0, 1, 1184), version(0, 1180, `${image}:8`), v0],
        deployments: [successful(2, 1186), deployment("deployment-failed-rolled-back", 0, 1180)]
      },
      "succeeded v2: Deployment completed successfully"
    ],
    [
      "its failed deployment is forgotten, and nothing lay between",
      { versions: [copyOf(v0, 3, 1190), ours, v0] },
      `reverted (image) v2 to g/t=${before}: rolled back to job version 0`
    ],
    [
      "… but where another's version lay between, it may have been swallowed",
      { versions: [copyOf(v0, 3, 1190), ours, others, v0] },
      `reverted (unknown) v2 to g/t=${before}: rolled back to job version 0`
    ],
    [
      "… unless an allocation of it still says that it failed",
      {
        versions: [copyOf(v0, 3, 1190), ours, others, v0],
        allocations: [
          allocation({
            JobVersion: 2,
            ClientStatus: "failed",
            TaskStates: {
              t: {
                Failed: true,
                StartedAt: null,
                Restarts: 0,
                Events: [{ Type: "Terminated", Time: 1, Details: { exit_code: "3" } }]
              }
            }
          })
        ]
      },
      `reverted (image) v2 to g/t=${before}: task t: exited 3 (Nomad: rolled back to job version 0)`
    ],
    [
      "cancelled by a stop",
      {
        versions: [version(2, 1190, after, attemptA, { Stop: true }), v1, v0],
        deployments: [cancelled(1, 1182)]
      },
      "superseded v1: the job was stopped"
    ],
    ["purged", { versions: [] }, "superseded v0: the job is gone"],
    [
      "purged and made again, with the versions counted anew",
      {
        versions: [version(1, 1310, after, attemptA, { CreateIndex: 1300 }), version(0, 1300, before)],
        deployments: [successful(1, 1310)]
      },
      "superseded v0: the job was purged and made again"
    ],
    [
      "a version that is no longer kept is told by its deployment",
      { versions: [version(9, 1300, before)], deployments: [successful(1, 1182)] },
      "succeeded v1: Deployment completed successfully"
    ],
    [
      "a version that is no longer kept, without one",
      { versions: [version(9, 1300, before)] },
      "superseded v0: version 9 took its place before it was rolled out"
    ],
    [
      "a parent succeeds on acceptance",
      { versions: [{ ...v1, Periodic: (recording("job-periodic") as Json)["Periodic"] }, v0] },
      "succeeded v1: its next run has the new image"
    ],
    [
      "T8: another version's deployment is not its own",
      {
        versions: [v1, v0],
        deployments: [successful(0, 1171)],
        evaluations: [evaluation({ Status: "pending" })]
      },
      "rolling v1: being scheduled"
    ],
    [
      "by allocations: one failed for good",
      {
        versions: [v1, v0],
        evaluations: [evaluation()],
        allocations: [allocation({ ClientStatus: "failed" }), allocation({ ID: "b" })]
      },
      'failed (image) v1: task t: failed (Nomad: an allocation of group "g" failed for good)'
    ],
    [
      "by allocations: one of an older version failed",
      {
        versions: [v1, v0],
        allocations: [allocation({ ClientStatus: "failed", JobVersion: 0 }), allocation()]
      },
      "rolling v1: every allocation runs; not long enough yet"
    ],
    [
      "by allocations: one of an earlier life failed",
      {
        versions: [v1, v0],
        allocations: [allocation({ ClientStatus: "failed", CreateIndex: 900 }), allocation()]
      },
      "rolling v1: every allocation runs; not long enough yet"
    ],
    [
      "by allocations: fewer than the count",
      { versions: [{ ...v1, ...count(2) }, v0], allocations: [allocation()] },
      "rolling v1: 1 of 2 allocations run"
    ],
    [
      "by allocations: one is still the old version's",
      {
        versions: [{ ...v1, ...system }, v0],
        allocations: [allocation(), allocation({ ID: "b", JobVersion: 0 })]
      },
      "rolling v1: 1 of 2 allocations run"
    ],
    [
      "by allocations: nothing can be placed",
      { versions: [v1, v0], evaluations: [recording("evaluation-blocked")] },
      'unplaceable v1: no node can run it: group "g": ${attr.kernel.name} = plan9'
    ],
    [
      "by allocations: a finished batch run of the new version",
      {
        versions: [{ ...v1, ...batch }, v0],
        allocations: [
          allocation({ ClientStatus: "complete" }),
          allocation({ ID: "b", ClientStatus: "complete", JobVersion: 0 })
        ]
      },
      "succeeded v1: every allocation ended well, or none was due"
    ],
    [
      "by allocations: a service's that ended does not run",
      { versions: [v1, v0], allocations: [allocation({ ClientStatus: "complete" })] },
      "rolling v1: 0 of 1 allocations run"
    ],
    [
      "T11: T8: a system job whose older version failed: no later one has a deployment, though its evaluation names that one",
      {
        versions: [{ ...v1, ...system }, v0],
        deployments: [deployment("deployment-failed-no-stable", 0, 1171)],
        evaluations: [evaluation({ Status: "complete", DeploymentID: "d" })],
        allocations: [allocation(), allocation({ ID: "b", JobVersion: 0, CreateIndex: 1172 })]
      },
      "rolling v1: 1 of 2 allocations run"
    ],
    [
      "by allocations: a count of 0",
      { versions: [{ ...v1, ...count(0) }, v0] },
      "succeeded v1: every allocation ended well, or none was due"
    ],
    [
      "by allocations: a system job without a node for it",
      { versions: [{ ...v1, ...system }, v0] },
      "succeeded v1: every allocation ended well, or none was due"
    ]
  ])("%s", ([, world, expected]) =>
    Effect.map(
      following(
        world,
        attempt({ nomadIndex: world.versions.some((one) => one["JobModifyIndex"] === 1186) ? 1186 : 1182 })
      ),
      ({ said }) => assert.deepStrictEqual(said, [expected])
    )
  )

  it.effect("the version that settling found is kept where the job has none any more", () =>
    Effect.map(following({ versions: [] }, attempt({ nomadVersion: 1 })), ({ said }) =>
      assert.deepStrictEqual(said, ["superseded v1: the job is gone"])
    )
  )
})

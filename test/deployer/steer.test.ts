import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Deployer, type Steered } from "../../src/deployer/Deployer.ts"
import { countCanaries } from "../../src/deployer/nomad/makeSteer.ts"
import type { Allocation, Deployment } from "../../src/deployer/nomad/NomadRollout.ts"
import { type Asked, nomadScript, type Said } from "./NomadScript.ts"
import { attempt } from "./world.ts"

const scope = { region: "", namespace: "prod" }
const id = "5e3d1c7a-0000-4000-8000-000000000001"

const steering = (verb: "promote" | "fail", said: Said) =>
  Effect.gen(function* () {
    const { endpoint, asked } = yield* nomadScript(() => said)
    const answer = yield* Deployer.use((deployer) => deployer[verb](scope, id)).pipe(
      Effect.provide(Deployer.layer(endpoint))
    )
    return { answer, asked: asked.map(({ method, url, body }): Partial<Asked> => ({ method, url, body })) }
  })

const brief = (steered: Steered): string => {
  if (steered._tag !== "NotApplied") return steered._tag
  const { forbidden, retryAfter } = steered
  return `NotApplied${forbidden ? " forbidden" : ""}${retryAfter === null ? "" : ` ${retryAfter} ms`}`
}

const short = '1 error occurred:\n\t* Task group "g" has 0/1 healthy allocations\n\n'

describe("a promotion", () => {
  it.live("names its deployment twice, in the attempt's namespace, and promotes all groups", () =>
    Effect.gen(function* () {
      const { asked } = yield* steering("promote", { json: {} })
      assert.deepStrictEqual(asked, [
        {
          method: "POST",
          url: `/v1/deployment/promote/${id}?namespace=prod`,
          body: JSON.stringify({ DeploymentID: id, All: true })
        }
      ])
      const failing = yield* steering("fail", { json: {} })
      assert.strictEqual(failing.asked[0]?.url, `/v1/deployment/fail/${id}?namespace=prod`)
    }).pipe(Effect.scoped)
  )

  it.live.each<[status: number, text: string, expected: string, headers?: Record<string, string>]>([
    [200, "{}", "Done"],
    [200, "not JSON", "Done"],
    [500, short, "Refused"],
    [500, `rpc error: ${short}`, "Refused"],
    [500, "can't promote terminal deployment", "Refused"],
    [500, "rpc error: can't fail terminal deployment", "Refused"],
    [500, "deployment not found", "Refused"],
    [404, "deployment not found", "Refused"],
    [403, "Permission denied", "NotApplied forbidden"],
    [401, "Unauthorized", "NotApplied forbidden"],
    [429, "too many", "NotApplied"],
    [429, "too many", "NotApplied 7000 ms", { "Retry-After": "7" }],
    [500, "No cluster leader", "NotApplied"],
    [500, "rpc error: No cluster leader", "NotApplied"],
    [500, "leadership lost while committing log", "Unknown"],
    [500, "", "Unknown"],
    [502, "bad gateway", "Unknown"]
  ])("status %i %o is %s", ([status, text, expected, headers]) =>
    Effect.gen(function* () {
      const { answer } = yield* steering("promote", { status, text, ...(headers && { headers }) })
      assert.strictEqual(brief(answer), expected)
    }).pipe(Effect.scoped)
  )

  it.live("that is cut off may have been done", () =>
    Effect.gen(function* () {
      const { answer } = yield* steering("fail", { act: (response) => void response.destroy() })
      assert.strictEqual(answer._tag, "Unknown")
    }).pipe(Effect.scoped)
  )

  it.live("that is forbidden names the right, and the namespace", () =>
    Effect.gen(function* () {
      const { answer } = yield* steering("fail", { status: 403, text: "Permission denied" })
      assert.include(
        "words" in answer ? answer.words : "",
        'the token needs fail-deployment (submit-job before Nomad 1.11.2) in namespace "prod"'
      )
    }).pipe(Effect.scoped)
  )
})

const group = (DesiredCanaries: number, change: object = {}) => ({
  AutoPromote: false,
  Promoted: false,
  DesiredCanaries,
  DesiredTotal: 3,
  PlacedAllocs: 1,
  HealthyAllocs: 3,
  UnhealthyAllocs: 0,
  ...change
})
const deployment = (TaskGroups: NonNullable<Deployment["TaskGroups"]>): Deployment => ({
  ID: "d",
  JobVersion: 1,
  JobSpecModifyIndex: 1182,
  Status: "running",
  StatusDescription: "",
  TaskGroups
})
const canary = (ID: string, change: Partial<Allocation> = {}): Allocation => ({
  ID,
  TaskGroup: "g",
  JobVersion: 1,
  CreateIndex: 1,
  DesiredStatus: "run",
  ClientStatus: "running",
  DeploymentStatus: { Healthy: true, Canary: true },
  TaskStates: { t: { StartedAt: "2026-01-01T00:00:00Z", Restarts: 0 } },
  ...change
})
const one = deployment({ g: group(1) })
const two = deployment({ g: group(1), h: group(2), plain: group(0) })
const failed = { ClientStatus: "failed" }

const runOf = (...allocations: ReadonlyArray<Allocation>) =>
  countCanaries(deployment({ g: group(2) }), allocations, attempt()).run

describe("canaries", () => {
  // prettier-ignore
  const counts: ReadonlyArray<readonly [what: string, Deployment, ReadonlyArray<Allocation>, string]> = [
    ["one that is healthy", one, [canary("a")], "1 of 1, 0 ended, all"],
    ["one that is not healthy yet", one, [canary("a", { DeploymentStatus: { Canary: true } })], "0 of 1, 0 ended"],
    ["one that is restarted, and still called healthy", one, [canary("a", { ClientStatus: "pending" })], "0 of 1, 0 ended"],
    ["one that ended, and is still counted as healthy by Nomad", one, [canary("a", failed)], "0 of 1, 1 ended"],
    ["one that was replaced", one, [canary("a", { ...failed, DesiredStatus: "stop" }), canary("b")], "1 of 1, 0 ended, all"],
    ["one whose node is away", one, [canary("a", { ClientStatus: "unknown" })], "0 of 1, 0 ended"],
    ["one among others that are none", one, [canary("a"), canary("b", { DeploymentStatus: { Healthy: true } })], "1 of 1, 0 ended, all"],
    ["too few of one group, though enough in all", two, [canary("a"), canary("b"), canary("c", { TaskGroup: "h" })], "2 of 3, 0 ended"],
    ["all of both groups", two, [canary("a"), canary("b", { TaskGroup: "h" }), canary("c", { TaskGroup: "h" })], "3 of 3, 0 ended, all"],
    ["of a group that is promoted none", deployment({ g: group(1, { Promoted: true }), h: group(1) }), [canary("b", { TaskGroup: "h" })], "1 of 1, 0 ended, all"]
  ]
  it.each(counts)("%s", (_, of, allocations, expected) => {
    const { healthy, desired, ended, run } = countCanaries(of, allocations, attempt())
    assert.strictEqual(`${healthy} of ${desired}, ${ended} ended${run === null ? "" : ", all"}`, expected)
  })

  it("are the same until one is replaced or restarted, in whatever order they are listed", () => {
    const [a, b] = [canary("a"), canary("b")]
    const states = { t: { StartedAt: "2026-01-01T00:00:00Z", Restarts: 1 } }
    assert.strictEqual(runOf(a, b), runOf(b, a))
    assert.notStrictEqual(runOf(a, b), runOf(a, canary("c")))
    assert.notStrictEqual(runOf(a, b), runOf(a, { ...b, TaskStates: states }))
  })

  it("S12: those of another register are not the attempt's own", () => {
    assert.isTrue(countCanaries(one, [canary("a")], attempt({ nomadIndex: 1182 })).isOwn)
    assert.isFalse(countCanaries(one, [canary("a")], attempt({ nomadIndex: 1171 })).isOwn)
  })
})

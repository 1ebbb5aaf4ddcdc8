import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { digestB, image, type Json } from "./jobs.ts"
import { deploy, eventually, outcome, simulated, stable, to } from "./simulated.ts"

/** What a GET of Nomad answers. */
const read = (path: string) =>
  Effect.flatMap(NomadSimulator, ({ url }) =>
    Effect.promise(() => fetch(`${url}${path}`).then((got) => got.json() as Promise<Json>))
  )
const post = (path: string, body: Json) =>
  Effect.flatMap(NomadSimulator, ({ url }) =>
    Effect.promise(() => fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) }))
  )
const stays = (id: string) =>
  Effect.flatMap(NomadSimulator, (nomad) =>
    eventually(nomad.job("default", id), (job) => job?.["Stable"] === true)
  )

const hcl = (at: string) =>
  `# kept by hand\njob "source" {\n  group "source" {\n    task "source" {\n      driver = "docker"\n      config {\n        image = "${at}"\n      }\n    }\n  }\n}\n`

/**
 * Faults that the predecessor of this program is known for. Each test fails where ours has it too; that changes made
 * while `auto_deploy` is off are not lost is the loop's (`test/reconcile`, S13).
 */
describe("predecessor", () => {
  layer(simulated, { excludeTestServices: true })((it) => {
    it.effect("predecessor: wiped the job's meta, and so restarted every group", () =>
      Effect.gen(function* () {
        const meta = { owner: "team-a", "cost.centre": "42" }
        yield* stable("meta", { meta, others: [{ task: "side", image: "redis:7", group: "second" }] })
        const sides = Effect.map(read("/v1/job/meta/allocations"), (list) =>
          (list as unknown as ReadonlyArray<Json>)
            .filter(({ TaskGroup }) => TaskGroup === "second")
            .map(({ ID }) => ID)
        )
        const before = yield* sides
        const { attempt } = yield* deploy("meta", to("1.0.1"))
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded" })
        assert.deepStrictEqual((yield* read("/v1/job/meta"))["Meta"], meta)
        assert.lengthOf(before, 1)
        assert.deepStrictEqual(yield* sides, before)
      })
    )

    it.effect("predecessor: reset a count that somebody had scaled", () =>
      Effect.gen(function* () {
        yield* stable("count")
        yield* post("/v1/job/count/scale", { Count: 3, Target: { Group: "count" } })
        yield* stays("count")
        const { attempt } = yield* deploy("count", to("1.0.1"))
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded" })
        const { TaskGroups } = yield* read("/v1/job/count")
        assert.deepStrictEqual(
          (TaskGroups as ReadonlyArray<Json>).map(({ Count }) => Count),
          [3]
        )
      })
    )

    it.effect("predecessor: lost the job's HCL source", () =>
      Effect.gen(function* () {
        const Job = sampleJob({ id: "source", image: `${image}:1.0.0`, minHealthyTime: 50 })
        const Submission = {
          Source: hcl(`${image}:1.0.0`),
          Format: "hcl2",
          VariableFlags: { region: "eu" },
          Variables: "x = 1\n"
        }
        yield* post("/v1/jobs", { Job, Submission })
        yield* stays("source")
        const { attempt } = yield* deploy("source", to("1.0.1"))
        assert.deepInclude(yield* outcome(attempt), { outcome: "succeeded", nomadVersion: 1 })
        assert.deepInclude(yield* read("/v1/job/source/submission?version=1"), {
          ...Submission,
          Source: hcl(`${image}:1.0.1@${digestB}`)
        })
      })
    )
  })
})
